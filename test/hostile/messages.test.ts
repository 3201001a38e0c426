import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  claimedOriginators,
  judgeLayers,
  MESSAGE_LIMITS,
  type OpenOptions,
  openLayers,
} from '@sallyport/domsec';
import { bufferContent } from '@sallyport/mail';
import { sharedVectors } from '../harness/vectors.ts';

const OPTIONS: OpenOptions = {
  ownRecipients: [],
  unwrapper: { unwrap: () => Promise.reject(new Error('no key is asked for')) },
  mayOpen: () => Promise.resolve(true),
  knownCertificates: [],
  limits: MESSAGE_LIMITS,
};

/** The word that judging ends in; it must never throw, and never say valid without a trusted signer. */
async function outcomeOf(message: Buffer): Promise<string> {
  const read = await openLayers(bufferContent(message), OPTIONS);
  if (read.kind === 'malformed') return read.fault;
  const claimed = claimedOriginators(read.message);
  const verdict = judgeLayers(read.message, {
    originators: claimed.mailboxes,
    validate: () => ({ kind: 'invalid', reason: 'no anchor' }),
    naming: { exceptions: [], time: new Date('2026-11-21T00:00:00Z') },
  });
  assert.notEqual(verdict.signature, 'valid');
  assert.notEqual(verdict.reason, '');
  return verdict.signature;
}

const HEAD = 'From: a@a.example\r\nTo: b@b.example\r\nMIME-Version: 1.0\r\n';

function nestedMultiparts(depth: number): string {
  let open = '';
  for (let i = 0; i < depth; i += 1) {
    open += `Content-Type: multipart/mixed; boundary="b${i}"\r\n\r\n--b${i}\r\n`;
  }
  return `${HEAD}${open}\r\nx\r\n`;
}

function flatParts(count: number): string {
  const parts = Array.from({ length: count }, () => '--b\r\n\r\nx\r\n').join('');
  return `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts}--b--\r\n`;
}

function opaque(der: Buffer, smimeType: string): string {
  const base64 = (der.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n');
  return `${HEAD}Content-Type: application/pkcs7-mime; smime-type=${smimeType}\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`;
}

const BOMBS: readonly (readonly [string, () => string | Buffer])[] = [
  ['10,000 nested multiparts', () => nestedMultiparts(10_000)],
  ['50,000 flat parts', () => flatParts(50_000)],
  ['100,000 header fields', () => `${'X-A: b\r\n'.repeat(100_000)}\r\nx\r\n`],
  ['one header field of 20 MB', () => `X-A: ${'b'.repeat(20_000_000)}\r\n\r\nx\r\n`],
  ['a From field of 1 MB of open brackets', () => `From: ${'<('.repeat(400_000)}\r\n\r\nx\r\n`],
  [
    'a boundary of 5 MB',
    () => `Content-Type: multipart/mixed; boundary=${'b'.repeat(900_000)}\r\n\r\nx\r\n`,
  ],
  [
    '2 MB of nested indefinite SEQUENCEs',
    () => opaque(Buffer.alloc(2_000_000, Buffer.from('3080', 'hex')), 'signed-data'),
  ],
  [
    '2 MB of NULLs',
    () => opaque(Buffer.alloc(2_000_000, Buffer.from('0500', 'hex')), 'signed-data'),
  ],
  ['a length of 2^63', () => opaque(Buffer.from('30887fffffffffffffff', 'hex'), 'enveloped-data')],
  ['5 MB of dots', () => `${HEAD}\r\n${'.'.repeat(70)}\r\n`.repeat(1) + '.\r\n'.repeat(1_600_000)],
  [
    '100,000 nested message/rfc822',
    () => `${'Content-Type: message/rfc822\r\n\r\n'.repeat(100_000)}x\r\n`,
  ],
  [
    'a multipart/signed that contains itself by name',
    () =>
      `${HEAD}Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b\r\n\r\n--b\r\n\r\n--b\r\n--b\r\n--b--\r\n`,
  ],
];

for (const [name, make] of BOMBS) {
  test(`ends in a named outcome within bounds: ${name}`, { timeout: 20_000 }, async () => {
    const message = Buffer.from(make());
    const before = process.memoryUsage().rss;
    const started = performance.now();
    const outcome = await outcomeOf(message);
    const seconds = (performance.now() - started) / 1_000;
    assert.ok(seconds < 5, `took ${seconds.toFixed(1)} s`);
    const grown = (process.memoryUsage().rss - before) / 1024 / 1024;
    assert.ok(grown < 600, `grew by ${grown.toFixed(0)} MB`);
    assert.match(
      outcome,
      /^(header-too-long|too-many-parts|nested-too-deeply|message-malformed|none|invalid|unverifiable)$/,
    );
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

for (const set of ['smime', 'mime', 'bounces']) {
  const folder = sharedVectors(set);
  test(`every file of the ${set} vectors ends in a named outcome, as it is and as a p7m`, {
    skip: folder === null ? 'needs ../shared/vectors' : false,
    timeout: 120_000,
  }, async () => {
    const files = filesBelow(folder ?? '');
    assert.ok(files.length > 50, `${files.length} files`);
    for (const path of files) {
      const bytes = readFileSync(path);
      if (bytes.length > 4 * 1024 * 1024) continue;
      await assert.doesNotReject(outcomeOf(bytes), path);
      await assert.doesNotReject(outcomeOf(Buffer.from(opaque(bytes, 'signed-data'))), path);
    }
  });
}
