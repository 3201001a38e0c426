import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bufferContent,
  type Content,
  concatContent,
  isRanged,
  loadSmall,
  MemoryContent,
  openPieces,
  openRange,
  PIECE_BYTES,
  readContent,
  SMALL_CONTENT_BYTES,
  sliceContent,
} from './index.ts';

const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 31) % 251));

/** Content that can be read from its start alone. */
function forward(source: Buffer, chunkBytes: number): Content {
  return {
    sizeBytes: source.length,
    open: async function* () {
      for (let at = 0; at < source.length; at += chunkBytes) {
        yield source.subarray(at, at + chunkBytes);
      }
    },
  };
}

async function rangeOf(content: Content, start: number, length: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of openRange(content, start, length)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('a range is the same bytes, whether content can be entered in the middle or not', async () => {
  const half = Buffer.from(bytes.subarray(0, 77_777));
  const rest = Buffer.from(bytes.subarray(77_777));
  const contents = [
    bufferContent(bytes),
    forward(bytes, 1_000),
    concatContent([bufferContent(half), bufferContent(rest)]),
    concatContent([bufferContent(half), forward(rest, 70_000)]),
  ];
  assert.deepEqual(contents.map(isRanged), [true, false, true, false]);
  for (const content of contents) {
    for (const start of [0, 1, 77_776, 77_777, 150_000, 199_999, 200_000]) {
      for (const length of [0, 1, 5, 80_000]) {
        const expected = bytes.subarray(start, start + length);
        assert.ok((await rangeOf(content, start, length)).equals(expected));
      }
    }
    const slice = sliceContent(sliceContent(content, 10, 180_000), 5, 100_000);
    assert.equal(isRanged(slice), isRanged(content));
    assert.ok((await readContent(slice)).equals(bytes.subarray(15, 100_015)));
    assert.ok((await rangeOf(slice, 99_990, 50)).equals(bytes.subarray(100_005, 100_015)));
  }
});

test('a slice outside of the content is refused', () => {
  for (const [start, length] of [
    [-1, 1],
    [0, 200_001],
    [200_000, 1],
    [0, -1],
  ] as const) {
    assert.throws(() => sliceContent(bufferContent(bytes), start, length), RangeError);
  }
});

test('no piece is longer than the bound, and the loop gets its turns', async () => {
  const large = bufferContent(Buffer.alloc(3 * 1024 * 1024));
  let turns = 0;
  let isRunning = true;
  const count = (): void => {
    turns += 1;
    if (isRunning) setImmediate(count);
  };
  setImmediate(count);
  for await (const piece of openPieces(large)) assert.ok(piece.length <= PIECE_BYTES);
  isRunning = false;
  assert.ok(turns >= 8, `${turns} turns`);
  for await (const piece of openPieces(forward(bytes, 150_000))) {
    assert.ok(piece.length <= PIECE_BYTES);
  }
});

test('what is small is loaded once, what is large stays where it is', async () => {
  const small = await loadSmall(forward(bytes, 1_000));
  assert.ok(small instanceof MemoryContent && small.bytes.equals(bytes));
  const large = forward(Buffer.alloc(SMALL_CONTENT_BYTES + 1), 65_536);
  assert.equal(await loadSmall(large), large);
});
