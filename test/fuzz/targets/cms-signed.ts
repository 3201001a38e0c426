import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  type CmsCertificate,
  type CmsObject,
  checkSignerInfo,
  digestContent,
  matchesRecipient,
  matchesSigner,
  readCms,
  type SignedDataView,
} from '@sallyport/cms';
import { MESSAGE_LIMITS } from '@sallyport/domsec';
import { type Content, readContent } from '@sallyport/mail';
import { parseCertificate } from '@sallyport/pki';
import { readObject } from '../../../packages/cms/src/read.ts';
import {
  cmsOf,
  corpusIdentities,
  corpusMessages,
  ORIGINALS,
  objectsIn,
  type Seed,
  vectorSeeds,
} from '../corpus.ts';
import { mutateBer } from '../mutate-message.ts';
import { summaryOf } from '../summary-of.ts';
import { chunkedContent, type Target } from '../target.ts';

/** Content that must be begun anew for each read makes many small ones slow. */
const MAX_STREAMED_BYTES = 16 * 1024;

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

interface Known extends CmsCertificate {
  readonly fingerprint: string;
}

const known: readonly Known[] = corpusIdentities().map(({ certificate }) => certificate);

function embedded(value: SignedDataView): Known[] {
  return value.certificates.flatMap((der) => {
    const parsed = parseCertificate(der);
    return parsed.kind === 'certificate' ? [parsed.value] : [];
  });
}

/** Fails if something counts as signed by a key of the corpus that it never signed. */
async function checkSigned(value: SignedDataView, detached: readonly Content[]): Promise<string> {
  let word = 'signed';
  const contents = value.eContent === null ? detached : [value.eContent];
  const certificates = [...known, ...embedded(value)];
  for (const content of contents) {
    const bytes = await readContent(content);
    assert.equal(bytes.length, content.sizeBytes);
    for (const info of value.signerInfos) {
      for (const certificate of certificates) {
        if (!matchesSigner(info, certificate)) continue;
        const check = await checkSignerInfo(info, certificate, {
          contentType: value.eContentType,
          content,
          digest: (name) => digestContent(content, name),
        });
        if (check.kind !== 'valid') continue;
        word = 'valid';
        const originals = ORIGINALS.signed[certificate.fingerprint];
        // A certificate of a vector's own making may sign what it likes.
        if (originals === undefined) continue;
        assert.ok(originals.includes(sha256(bytes)), `a signature counts for other content`);
      }
    }
  }
  return word;
}

/** All that was read, or why not: where in a header it ends may be told in other words. */
async function outcomeOf(read: CmsObject): Promise<string> {
  return read.kind === 'malformed' ? read.fault : await summaryOf(read);
}

/** Large content is read as it flows by; it must say the same of the same bytes. */
async function checkStreamed(bytes: Buffer, expected: string): Promise<void> {
  if (bytes.length > MAX_STREAMED_BYTES) return;
  const content = chunkedContent(bytes, 1 + (bytes.length % 700));
  const streamed = await outcomeOf(await readObject(content, MESSAGE_LIMITS.cms));
  assert.equal(streamed, expected, 'a stream is read differently');
}

function makeCheck(detached: readonly Content[]): Target['check'] {
  return async (bytes) => {
    const read = await readCms(chunkedContent(bytes, 0), MESSAGE_LIMITS.cms);
    await checkStreamed(bytes, await outcomeOf(read));
    switch (read.kind) {
      case 'malformed':
        assert.notEqual(read.reason, '');
        return read.fault;
      case 'signed':
        return await checkSigned(read.value, detached);
      case 'enveloped':
      case 'auth-enveloped':
        for (const info of read.value.recipients) {
          for (const certificate of known) matchesRecipient(info, certificate);
        }
        return read.kind;
      default:
        return read.kind;
    }
  };
}

function detachedContents(messages: readonly Seed[]): Content[] {
  const found: Content[] = [];
  for (const { bytes } of messages) {
    const text = bytes.toString('latin1');
    const boundary = /multipart\/signed[\s\S]*?boundary="?([^"\r\n;]+)/.exec(text)?.[1];
    if (boundary === undefined) continue;
    const start = text.indexOf(`\r\n--${boundary}\r\n`) + boundary.length + 6;
    const end = text.indexOf(`\r\n--${boundary}`, start);
    found.push(chunkedContent(bytes.subarray(start, end), 0));
  }
  return found.slice(0, 3);
}

/** readCms over every kind of object, and every signature in it against the certificates at hand. */
export function cmsTargets(): Target[] {
  const messages = corpusMessages();
  const detached = detachedContents(messages);
  const vectors = objectsIn(vectorSeeds('smime')).filter(({ bytes }) => bytes.length < 8_192);
  const check = makeCheck(detached);
  return [
    { name: 'cms', share: 14, seeds: cmsOf(messages), mutate: mutateBer, check },
    { name: 'cms-vectors', share: 6, seeds: vectors, mutate: mutateBer, check },
  ];
}
