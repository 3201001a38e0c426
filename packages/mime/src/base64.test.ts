import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { base64Content, decodeBody, encodeBase64 } from './index.ts';
import { bytesOf, chunked, entityOf, octets, streamedEntity } from './test-fixtures.ts';

test('RFC 2045 6.8: base64 in 76 columns is what Buffer makes of it, in any chunking', async () => {
  await fc.assert(
    fc.asyncProperty(octets, fc.integer({ min: 1, max: 200 }), async (bytes, size) => {
      const whole =
        bytes
          .toString('base64')
          .match(/.{1,76}/g)
          ?.map((line) => `${line}\r\n`)
          .join('') ?? '';
      assert.equal(encodeBase64(bytes).toString('latin1'), whole);
      assert.equal((await bytesOf(base64Content(chunked(bytes, size)))).toString('latin1'), whole);
    }),
    { numRuns: 100 },
  );
});

test('RFC 2045 6.8: base64 decodes in any chunking; stray octets are passed over, = ends', async () => {
  await fc.assert(
    fc.asyncProperty(octets, async (bytes) => {
      const entity = entityOf(
        Buffer.concat([
          Buffer.from('Content-Transfer-Encoding: base64\r\n\r\n'),
          encodeBase64(bytes),
        ]),
      );
      assert.ok((await bytesOf(await decodeBody(entity))).equals(bytes));
    }),
    { numRuns: 50 },
  );
  const odd = entityOf('Content-Transfer-Encoding: BASE64 (c)\r\n\r\nYW-J_j\0ZGU=YWJj');
  assert.equal((await bytesOf(await decodeBody(odd))).toString(), 'abcde');
  const large = Buffer.alloc(400_000, 'abc');
  const part = streamedEntity(
    Buffer.concat([Buffer.from('Content-Transfer-Encoding: base64\r\n\r\n'), encodeBase64(large)]),
    777,
  );
  assert.ok((await bytesOf(await decodeBody(part))).equals(large));
});
