import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  bufferContent,
  type Content,
  isRanged,
  openRange,
  readContent,
  SMALL_CONTENT_BYTES,
} from '@sallyport/mail';
import fc from 'fast-check';
import { base64Content } from './base64.ts';
import { base64Decoded } from './base64-decode.ts';

const RUNS = { numRuns: 60, seed: 20261121 };

function bytesOf(length: number): Buffer {
  const block = createHash('shake256', { outputLength: 65_536 }).update('base64').digest();
  return Buffer.alloc(length, block);
}

/** The same bytes as content that cannot be entered in the middle and is read as large content is. */
function streamed(bytes: Buffer, chunkBytes: number): Content {
  return {
    sizeBytes: Math.max(bytes.length, SMALL_CONTENT_BYTES + 1),
    open: async function* () {
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        yield bytes.subarray(at, at + chunkBytes);
      }
    },
  };
}

/** RFC 2045 section 6.8 to the letter: what is not of the alphabet is passed over, `=` ends. */
function byTheLetter(text: Buffer): Buffer {
  const [kept = ''] = text
    .toString('latin1')
    .replace(/[^A-Za-z0-9+/=]/g, '')
    .split('=');
  return Buffer.from(kept, 'base64');
}

async function collect(content: Content): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.open()) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  assert.equal(bytes.length, content.sizeBytes);
  return bytes;
}

test('RFC 2045 6.8: base64 of lines of any length is decoded alike in memory and as a stream', async () => {
  const columns = fc.constantFrom(4, 57, 60, 64, 72, 76, 78, 512);
  const ends = fc.constantFrom('\r\n', '\n', '\r', ' \r\n', '');
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 30_000 }),
      columns,
      ends,
      fc.integer({ min: 1, max: 20_000 }),
      async (length, width, end, chunkBytes) => {
        const plain = bytesOf(length);
        const lines = plain.toString('base64').replace(new RegExp(`.{${width}}`, 'g'), `$&${end}`);
        const text = Buffer.from(lines, 'latin1');
        assert.ok((await collect(await base64Decoded(bufferContent(text)))).equals(plain));
        assert.ok((await collect(await base64Decoded(streamed(text, chunkBytes)))).equals(plain));
      },
    ),
    RUNS,
  );
});

test('RFC 2045 6.8: what is not of the alphabet is passed over, wherever it stands', async () => {
  const good = bytesOf(6_000).toString('base64').replace(/.{76}/g, '$&\r\n');
  const strange = fc.constantFrom('-', '_', '=', '\0', '\xff', '!', '\r', '\n', 'A', 'AB', 'ABC');
  const places = fc.array(fc.tuple(fc.integer({ min: 0, max: good.length }), strange), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(places, fc.integer({ min: 1, max: 5_000 }), async (found, chunkBytes) => {
      let text = good;
      for (const [at, what] of found) text = text.slice(0, at) + what + text.slice(at);
      const bytes = Buffer.from(text, 'latin1');
      const expected = byTheLetter(bytes);
      assert.ok((await collect(await base64Decoded(bufferContent(bytes)))).equals(expected));
      assert.ok((await collect(await base64Decoded(streamed(bytes, chunkBytes)))).equals(expected));
    }),
    { ...RUNS, numRuns: 300 },
  );
});

test('base64 in lines of one length can be entered anywhere', async () => {
  const plain = bytesOf(2_400_001);
  const text = await readContent(base64Content(bufferContent(plain)));
  const crlf = await base64Decoded(bufferContent(text));
  const lf = await base64Decoded(
    bufferContent(Buffer.from(text.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')),
  );
  for (const content of [crlf, lf]) {
    assert.ok(isRanged(content));
    for (const start of [0, 1, 56, 57, 58, 700_001, 2_399_999, 2_400_000, 2_400_001]) {
      for (const length of [0, 1, 100, 200_000]) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of openRange(content, start, length)) chunks.push(chunk);
        assert.ok(Buffer.concat(chunks).equals(plain.subarray(start, start + length)));
      }
    }
  }
  const odd = Buffer.concat([Buffer.from('QUI=\r\n'), text]);
  assert.equal((await base64Decoded(bufferContent(odd))).sizeBytes, 2);
});
