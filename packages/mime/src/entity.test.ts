import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRange, sliceContent } from '@sallyport/mail';
import fc from 'fast-check';
import { fieldValues, DEFAULT_MIME_LIMITS as LIMITS, readEntity } from './index.ts';
import { bytesOf, chunked, octets } from './test-fixtures.ts';

test('header and body of a large message are ranges of its content', async () => {
  const body = Buffer.alloc(300_000, 'line\r\n');
  const bytes = Buffer.concat([Buffer.from('Subject: a\r\n b\r\n\r\n'), body]);
  for (const size of [1000, 70_000]) {
    const read = await readEntity(chunked(bytes, size), LIMITS);
    assert.equal(read.kind, 'entity');
    assert.deepEqual(fieldValues(read.value, 'SUBJECT'), ['a b']);
    assert.ok((await bytesOf(read.value.body)).equals(body));
  }
});

test('a slice of any content is the slice of its bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      octets,
      fc.nat(2000),
      fc.nat(2000),
      fc.integer({ min: 1, max: 99 }),
      async (bytes, a, b, size) => {
        const start = Math.min(a, bytes.length);
        const length = Math.min(b, bytes.length - start);
        const slice = sliceContent(chunked(bytes, size), start, length);
        assert.ok((await bytesOf(slice)).equals(bytes.subarray(start, start + length)));
        const half = sliceContent(slice, 0, length >> 1);
        assert.ok((await bytesOf(half)).equals(bytes.subarray(start, start + (length >> 1))));
      },
    ),
    { numRuns: 50 },
  );
  assert.throws(() => sliceContent(chunked(Buffer.alloc(3), 1), 2, 2), RangeError);
  const read: Uint8Array[] = [];
  for await (const chunk of openRange(chunked(Buffer.from('abcdef'), 4), 3, 2)) read.push(chunk);
  assert.equal(Buffer.concat(read).toString(), 'de');
});
