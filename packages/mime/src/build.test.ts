import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  contentType,
  decodeBody,
  formatField,
  joinMessage,
  DEFAULT_MIME_LIMITS as LIMITS,
  multipartSigned,
  pkcs7MimeEntity,
  pkcs7MimeSize,
  splitMultipart,
} from './index.ts';
import { bytesOf, chunked, entityOf, octets } from './test-fixtures.ts';

test('RFC 8551 3.2: an application/pkcs7-mime entity carries the CMS object', async () => {
  const cms = Buffer.alloc(500, 0x30);
  for (const transferEncoding of ['base64', 'binary'] as const) {
    const options = { smimeType: 'enveloped-data', transferEncoding } as const;
    const built = pkcs7MimeEntity(chunked(cms, 100), options);
    const entity = entityOf(await bytesOf(built));
    assert.equal(contentType(entity).parameters.get('smime-type'), 'enveloped-data');
    assert.ok((await bytesOf(await decodeBody(entity))).equals(cms));
    assert.equal(built.sizeBytes, pkcs7MimeSize(cms.length, options));
  }
  assert.throws(
    () => pkcs7MimeEntity(chunked(cms, 1), { smimeType: 'signed-data', name: 'a\r\nb' }),
    RangeError,
  );
});

test('RFC 1847 2.1: the payload of multipart/signed comes back byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(octets, async (payload) => {
      const part = Buffer.concat([Buffer.from('Content-Type: text/plain\r\n\r\n'), payload]);
      const signature = Buffer.from('signature');
      const signed = multipartSigned(chunked(part, 64), signature, {
        micalg: 'sha-256',
        boundary: '=_0123456789',
      });
      const message = joinMessage([formatField('From', 'a@b.example')], signed);
      const split = await splitMultipart(entityOf(await bytesOf(message)), LIMITS);
      assert.equal(split.kind, 'parts');
      assert.equal(split.parts.length, 2);
      const [first, second] = split.parts;
      assert.ok(first && second);
      assert.ok((await bytesOf(first.content)).equals(part));
      assert.ok((await bytesOf(await decodeBody(second))).equals(signature));
    }),
    { numRuns: 30 },
  );
});
