import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferContent } from '@sallyport/mail';
import fc from 'fast-check';
import { isSevenBitSafe } from './line-ends.ts';
import { chunked } from './test-fixtures.ts';

/** RFC 2045 section 2.7, octet by octet. */
function isSafe(bytes: Buffer): boolean {
  let column = 0;
  for (const [at, octet] of bytes.entries()) {
    if (octet === 0 || octet > 127) return false;
    if (octet === 0x0d && bytes[at + 1] !== 0x0a) return false;
    if (octet === 0x0a && bytes[at - 1] !== 0x0d) return false;
    column = octet === 0x0a ? 0 : column + 1;
    if (octet !== 0x0d && column > 998) return false;
  }
  return true;
}

const octets = fc
  .array(
    fc.constantFrom(
      'a',
      '\r\n',
      '\r',
      '\n',
      '\0',
      '\x7f',
      '\x80',
      'x'.repeat(498),
      'y'.repeat(997),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

test('RFC 2045 2.7: content is judged as octet by octet, whole and in pieces', async () => {
  await fc.assert(
    fc.asyncProperty(octets, fc.integer({ min: 1, max: 1_200 }), async (bytes, pieceBytes) => {
      const expected = isSafe(bytes);
      assert.equal(await isSevenBitSafe(bufferContent(bytes)), expected);
      assert.equal(await isSevenBitSafe(chunked(bytes, pieceBytes)), expected);
    }),
    { numRuns: 2_000 },
  );
});
