import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalise, checkCanonical } from './index.ts';
import { bytesOf, chunked } from './test-fixtures.ts';

test('RFC 8551 3.1.1: canonical form has only CR LF, is idempotent, and leaves canonical bytes alone', async () => {
  const text = fc
    .array(fc.constantFrom('\r', '\n', '\r\n', 'a', 'b'))
    .map((list) => Buffer.from(list.join('')));
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (bytes, size) => {
      const once = await canonicalise(chunked(bytes, size));
      const first = await bytesOf(once);
      assert.equal(first.toString(), bytes.toString().replace(/\r\n|\r|\n/g, '\r\n'));
      assert.equal((await checkCanonical(once)).kind, 'crlf');
      assert.ok((await bytesOf(await canonicalise(once))).equals(first));
    }),
  );
  assert.deepEqual(await checkCanonical(chunked(Buffer.from('a\nb'), 1)), {
    kind: 'bare',
    what: 'lf',
  });
  assert.deepEqual(await checkCanonical(chunked(Buffer.from('a\r'), 1)), {
    kind: 'bare',
    what: 'cr',
  });
  const large = Buffer.alloc(300_000, 'a\r\nb\n');
  assert.equal((await bytesOf(await canonicalise(chunked(large, 999)))).includes('b\na'), false);
});
