import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferContent, type Content } from '@sallyport/mail';
import fc from 'fast-check';
import { isSevenBitSafe } from './line-ends.ts';
import { SMALL_CONTENT_BYTES } from './slice.ts';

/** The same bytes, in a content that counts as large, so that the loop over octets reads them. */
function asLarge(bytes: Buffer): Content {
  return { ...bufferContent(bytes), sizeBytes: SMALL_CONTENT_BYTES + 1 };
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

test('RFC 2045 2.7: small content is judged as the loop over octets judges it', async () => {
  await fc.assert(
    fc.asyncProperty(octets, async (bytes) => {
      assert.equal(
        await isSevenBitSafe(bufferContent(bytes)),
        await isSevenBitSafe(asLarge(bytes)),
      );
    }),
    { numRuns: 2_000 },
  );
});
