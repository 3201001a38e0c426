import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { decryptContent, readCms } from '@sallyport/cms';
import { MESSAGE_LIMITS, openLayers } from '@sallyport/domsec';
import { bufferContent, readContent } from '@sallyport/mail';
import { cmsOf, corpusMessages, ORIGINALS } from '../corpus.ts';
import { OPEN_OPTIONS } from '../keys.ts';
import { mutateBer } from '../mutate-message.ts';
import type { Target } from '../target.ts';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const encrypted = new Set(ORIGINALS.encrypted);
const HEAD = Buffer.from(
  'Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n',
);

// The wrong keys too: whoever holds another key must get a failure, and never an exception.
async function checkEnveloped(bytes: Buffer): Promise<string> {
  const read = await readCms(bufferContent(bytes), MESSAGE_LIMITS.cms);
  if (read.kind !== 'enveloped' && read.kind !== 'auth-enveloped') return read.kind;
  for (const length of [16, 24, 32, 8]) {
    const opened = await decryptContent(read.value, Buffer.alloc(length, length));
    if (opened.kind === 'ok') await readContent(opened.content);
    if (read.kind === 'auth-enveloped') assert.equal(opened.kind, 'failed', 'a wrong key opens');
  }
  const opened = await openLayers(bufferContent(Buffer.concat([HEAD, bytes])), OPEN_OPTIONS);
  if (opened.kind === 'malformed') return 'malformed message';
  const [layer] = opened.message.layers;
  if (layer?.kind !== 'encrypted') return layer?.kind ?? 'no layer';
  if (layer.state !== 'opened' || layer.inside === null) return layer.state;
  const plain = await readContent(layer.inside.content);
  assert.equal(plain.length, layer.inside.content.sizeBytes);
  if (!layer.authenticated) return encrypted.has(sha256(plain)) ? 'opened' : 'opened, altered';
  assert.ok(encrypted.has(sha256(plain)), 'authenticated content was altered');
  return 'opened, authenticated';
}

/** Decryption with right and wrong keys; the keyholder's unwrapping stands behind it. */
export function envelopedTarget(): Target {
  const seeds = cmsOf(corpusMessages()).filter(({ name }) =>
    /cbc|gcm|oaep|kari|recipients|triple|3des/.test(name),
  );
  return { name: 'cms-enveloped', share: 10, seeds, mutate: mutateBer, check: checkEnveloped };
}
