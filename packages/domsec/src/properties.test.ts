/** Whatever comes in: no exception, and never a valid domain verdict over changed bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferContent } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS } from '@sallyport/mime';
import fc from 'fast-check';
import { deliveredMessage, formatAuthenticationResults, formatVerdict } from './deliver.ts';
import type { UnwrapRequest } from './layers.ts';
import { openLayers } from './open.ts';
import { claimedOriginators } from './originators.ts';
import { domainEncrypt, domainSign } from './outward.ts';
import {
  bytesOf,
  dcaRsa,
  dsa,
  entity,
  judge,
  MESSAGE,
  messageAround,
  OPEN,
  open,
  signerOf,
  unwrap,
  validated,
} from './test-fixtures.ts';

const limits = DEFAULT_MIME_LIMITS;
const signing = { profile: 'domsec', protectHeaders: true, limits } as const;
const signed = await domainSign(entity(MESSAGE), signerOf(dsa), signing);
const compat = await domainSign(entity(MESSAGE), signerOf(dsa), { ...signing, profile: 'compat' });
const sealed = await domainEncrypt(signed, validated(dcaRsa), {
  content: 'aes256-cbc',
  keyTransport: 'auto',
});
const SAMPLES = await Promise.all([signed, compat, sealed].map((one) => messageAround(one)));
const PAYLOAD = await payloadOf(SAMPLES[0] ?? MESSAGE);

async function payloadOf(bytes: Buffer): Promise<string> {
  return (await bytesOf((await open(bytes)).content.content)).toString('latin1');
}

/** A keyholder: a wrong key where the encrypted one is bad (RFC 3218). */
const unwrapper = {
  unwrap: async (request: UnwrapRequest) => {
    try {
      const key = unwrap(request);
      return key.length === request.keyBytes ? key : Buffer.alloc(request.keyBytes);
    } catch {
      return Buffer.alloc(request.keyBytes);
    }
  },
};

const mutation = fc.record({
  sample: fc.nat({ max: SAMPLES.length - 1 }),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat({ max: 40 }),
  insert: fc.uint8Array({ maxLength: 40 }),
});

function mutate({
  sample,
  at,
  length,
  insert,
}: typeof mutation extends fc.Arbitrary<infer T> ? T : never) {
  const bytes = SAMPLES[sample] ?? MESSAGE;
  const from = Math.floor(at * bytes.length);
  return Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + length)]);
}

test('never throws on a mutated message, and says domain only over what was signed', async () => {
  await fc.assert(
    fc.asyncProperty(mutation, async (change) => {
      const bytes = mutate(change);
      const read = await openLayers(bufferContent(bytes), { ...OPEN, unwrapper });
      if (read.kind === 'malformed') return;
      claimedOriginators(read.message);
      const verdict = judge(read.message);
      const added = [
        { name: 'X-Sallyport-Verdict', value: formatVerdict(verdict, false) },
        {
          name: 'Authentication-Results',
          value: formatAuthenticationResults(verdict, 'gw.example'),
        },
      ];
      for (const deliver of ['clear', 'signed', 'as-received'] as const) {
        await bytesOf(deliveredMessage(read.message, { deliver, authservId: 'gw.example', added }));
      }
      const proven =
        verdict.signature === 'valid' &&
        verdict.signatureType === 'domain' &&
        verdict.mapping !== 'mismatch';
      if (!proven) return;
      const content = await bytesOf(read.message.content.content);
      assert.equal(content.toString('latin1'), PAYLOAD);
    }),
    { numRuns: 300 },
  );
});

test('a body changed by one octet is never valid', async () => {
  const [clear = MESSAGE] = [SAMPLES[1]];
  const text = clear.indexOf('Hello Bob');
  assert.ok(text > 0);
  for (let at = text; at < text + 20; at += 1) {
    const bytes = Buffer.from(clear);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const read = await openLayers(bufferContent(bytes), OPEN);
    if (read.kind === 'opened') assert.notEqual(judge(read.message).signature, 'valid');
  }
});

test('random bytes and random fields are read or refused, never thrown at', async () => {
  const line = fc.oneof(
    fc.constantFrom(
      'From: a@acme.example',
      'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b',
      'Content-Type: application/pkcs7-mime',
      'Content-Transfer-Encoding: base64',
      '',
      '--b',
      '--b--',
      'MIAGCSqGSIb3DQEHAqCAMIACAQExADCABgkqhkiG9w0BBwEAADEAAAAAAAAA',
    ),
    fc.string({ maxLength: 60 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (lines) => {
      const read = await openLayers(bufferContent(Buffer.from(lines.join('\r\n'))), OPEN);
      if (read.kind === 'opened') judge(read.message);
    }),
    { numRuns: 300 },
  );
});
