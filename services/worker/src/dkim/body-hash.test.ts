import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { bufferContent } from '@sallyport/mail';
import { relaxedBodyHash } from './body-hash.ts';

/** Body, and its relaxed form written down by hand (RFC 6376 section 3.4.4). */
const BODIES: readonly [string, string][] = [
  ['', ''],
  ['\r\n', ''],
  ['\r\n\r\n\r\n', ''],
  [' \t\r\n \r\n', ''],
  ['a', 'a\r\n'],
  [' C \r\nD \t E\r\n\r\n\r\n', ' C\r\nD E\r\n'],
  ['\r\n\r\na\r\n', '\r\n\r\na\r\n'],
  ['a\r\n\r\n \r\nb', 'a\r\n\r\n\r\nb\r\n'],
  ['a \t', 'a\r\n'],
  ['\t\ta\t\tb\t\t\r\n', ' a b\r\n'],
  ['a\rb\nc\r\n', 'a\rb\nc\r\n'],
  ['a\r', 'a\r\r\n'],
  ['é\u0000 \r\n', 'é\u0000\r\n'],
];

test('RFC 6376 3.4.4: the relaxed form of a body, wherever its pieces are cut', async () => {
  for (const [body, relaxed] of BODIES) {
    const expected = createHash('sha256').update(relaxed).digest('base64');
    const bytes = Buffer.from(body);
    for (const piece of [1, 2, 3, bytes.length + 1]) {
      const content = {
        sizeBytes: bytes.length,
        async *open() {
          for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
        },
      };
      assert.equal(await relaxedBodyHash(content), expected, JSON.stringify([body, piece]));
    }
  }
});

test('megabytes of empty lines and of spaces take no memory of their own', async () => {
  const expected = createHash('sha256').update('a\r\n').digest('base64');
  const body = `a\r\n${'\r\n'.repeat(1_000_000)}${' '.repeat(2_000_000)}`;
  assert.equal(await relaxedBodyHash(bufferContent(Buffer.from(body))), expected);
});
