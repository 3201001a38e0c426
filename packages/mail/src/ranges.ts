import type { Content } from './content.ts';

/** Content is given out in pieces of at most this size: what is done to one never holds the loop long. */
export const PIECE_BYTES = 64 * 1024;
/** Bytes in memory come without waiting; after this many the loop gets its turn. */
export const TURN_BYTES = 256 * 1024;

/**
 * Content that can start a read in the middle at little cost. Other content is read from its start
 * and the bytes before the range are passed over.
 */
export interface RangedContent extends Content {
  /** Reads `length` bytes from `start` on. Ends early only if the content itself does. */
  openRange(start: number, length: number): AsyncIterable<Uint8Array>;
}

/** Content whose bytes are at hand: slices of it cost nothing. */
export class MemoryContent implements RangedContent {
  readonly bytes: Buffer;

  /** The bytes must not be changed afterwards. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  open(): AsyncIterable<Uint8Array> {
    return piecesOf(this.bytes);
  }

  openRange(start: number, length: number): AsyncIterable<Uint8Array> {
    return piecesOf(this.bytes.subarray(start, start + length));
  }
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length <= PIECE_BYTES) {
    if (bytes.length > 0) yield bytes;
    return;
  }
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (at > 0 && at % TURN_BYTES === 0) await new Promise(setImmediate);
    yield bytes.subarray(at, at + PIECE_BYTES);
  }
}

/** A range of other content. */
class SliceContent implements Content {
  readonly base: Content;
  readonly start: number;
  readonly sizeBytes: number;

  constructor(base: Content, start: number, length: number) {
    this.base = base;
    this.start = start;
    this.sizeBytes = length;
  }

  open(): AsyncIterable<Uint8Array> {
    return openRange(this.base, this.start, this.sizeBytes);
  }
}

/** A range of content that can start a read anywhere. */
class SeekableSlice extends SliceContent implements RangedContent {
  openRange(start: number, length: number): AsyncIterable<Uint8Array> {
    return openRange(this.base, this.start + start, Math.min(length, this.sizeBytes - start));
  }
}

/** True if a read in the middle costs about as much as one at the start. */
export function isRanged(content: Content): content is RangedContent {
  return 'openRange' in content && typeof content.openRange === 'function';
}

/** Reads `length` bytes from `start` on. Ends early only if the content itself does. */
export function openRange(
  content: Content,
  start: number,
  length: number,
): AsyncIterable<Uint8Array> {
  if (isRanged(content)) return content.openRange(start, length);
  if (content instanceof SliceContent) {
    const within = Math.min(length, content.sizeBytes - start);
    return openRange(content.base, content.start + start, within);
  }
  return skipTo(content, start, length);
}

async function* skipTo(
  content: Content,
  start: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  if (length <= 0) return;
  let offset = 0;
  const end = start + length;
  for await (const chunk of content.open()) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, chunk.length);
    if (to > from) yield from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to);
    offset += chunk.length;
    if (offset >= end) return;
  }
}

/**
 * A view of `length` bytes of `content` from `start` on; no byte is copied.
 *
 * @throws RangeError if the range does not lie within the content.
 */
export function sliceContent(content: Content, start: number, length: number): Content {
  if (!(start >= 0 && length >= 0 && start + length <= content.sizeBytes)) {
    throw new RangeError(`range ${start}+${length} is outside of ${content.sizeBytes} bytes`);
  }
  if (start === 0 && length === content.sizeBytes) return content;
  if (content instanceof MemoryContent) {
    return new MemoryContent(content.bytes.subarray(start, start + length));
  }
  if (content instanceof SliceContent) {
    return sliceContent(content.base, content.start + start, length);
  }
  return isRanged(content)
    ? new SeekableSlice(content, start, length)
    : new SliceContent(content, start, length);
}
