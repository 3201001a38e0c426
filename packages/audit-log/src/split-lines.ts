import { MAX_LINE_BYTES } from './line.ts';

/** Bytes of a segment file, for example a read stream. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** One line. `text` is null if it is no UTF-8, over the limit, or has no line feed at its end. */
export interface RawLine {
  readonly text: string | null;
  /** Its bytes with the line feed; 0-based offset of the first in `offset`. */
  readonly offset: number;
  readonly sizeBytes: number;
}

const LINE_FEED = 0x0a;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Cuts bytes into lines. An over-long line ends the reading, as a line without text. */
export async function* splitLines(source: ByteSource): AsyncGenerator<RawLine> {
  let rest = Buffer.alloc(0);
  let offset = 0;
  for await (const chunk of source) {
    const bytes: Buffer = rest.length === 0 ? asBuffer(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      const sizeBytes = end + 1 - start;
      yield { text: decode(bytes.subarray(start, end)), offset: offset + start, sizeBytes };
      start = end + 1;
    }
    offset += start;
    rest = Buffer.from(bytes.subarray(start));
    if (rest.length > MAX_LINE_BYTES) break;
  }
  if (rest.length > 0) yield { text: null, offset, sizeBytes: rest.length };
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function decode(bytes: Buffer): string | null {
  if (bytes.length > MAX_LINE_BYTES) return null;
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}
