import { MAX_LINE_BYTES } from './line.ts';

/** Bytes of a segment file, for example a read stream. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** One line. `text` is null if it is no UTF-8, over the limit, or has no line feed at its end. */
export interface RawLine {
  readonly text: string | null;
  /** Its bytes with the line feed, of an over-long line those read so far; offset of the first. */
  readonly offset: number;
  readonly sizeBytes: number;
}

const LINE_FEED = 0x0a;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Cuts bytes into lines. Of one that is too long no more than the limit is held; it comes without text. */
export async function* splitLines(
  source: ByteSource,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<RawLine> {
  const cutter = new LineCutter(maxBytes);
  for await (const chunk of source) yield* cutter.take(chunk);
  yield* cutter.end();
}

class LineCutter {
  readonly #maxBytes: number;
  /** Of a line whose end did not come yet, and where it begins. */
  #rest = Buffer.alloc(0);
  #offset = 0;
  /** Of the line that is being read its beginning was told of: it is too long. */
  #isInLong = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  *take(chunk: Uint8Array): Generator<RawLine> {
    const bytes = this.#rest.length === 0 ? asBuffer(chunk) : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      const text = end - start > this.#maxBytes ? null : decode(bytes.subarray(start, end));
      const offset = this.#offset + start;
      if (!this.#isInLong) yield { text, offset, sizeBytes: end + 1 - start };
      this.#isInLong = false;
      start = end + 1;
    }
    this.#rest = Buffer.from(bytes.subarray(start));
    this.#offset += start;
    if (this.#rest.length > this.#maxBytes && !this.#isInLong) {
      yield { text: null, offset: this.#offset, sizeBytes: this.#rest.length };
      this.#isInLong = true;
    }
    if (this.#isInLong) this.#forget();
  }

  #forget(): void {
    this.#offset += this.#rest.length;
    this.#rest = Buffer.alloc(0);
  }

  *end(): Generator<RawLine> {
    const sizeBytes = this.#rest.length;
    if (sizeBytes > 0) yield { text: null, offset: this.#offset, sizeBytes };
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function decode(bytes: Buffer): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}
