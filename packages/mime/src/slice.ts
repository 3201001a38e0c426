import { type Content, readContent } from '@sallyport/mail';

/** Content up to this size is read once and then cut in memory; above, it is cut by offset. */
export const SMALL_CONTENT_BYTES = 256 * 1024;

/** Content whose bytes are at hand: slices of it cost nothing. */
export class MemoryContent implements Content {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  async *open(): AsyncIterable<Uint8Array> {
    if (this.bytes.length > 0) yield this.bytes;
  }
}

/**
 * Content that can start a read in the middle. A store whose files can seek may offer it;
 * other content is read from its start and the bytes before the range are skipped.
 */
export interface RangedContent extends Content {
  openRange(start: number, length: number): AsyncIterable<Uint8Array>;
}

class SliceContent implements RangedContent {
  readonly base: Content;
  readonly start: number;
  readonly sizeBytes: number;

  constructor(base: Content, start: number, length: number) {
    this.base = base;
    this.start = start;
    this.sizeBytes = length;
  }

  open(): AsyncIterable<Uint8Array> {
    return this.openRange(0, this.sizeBytes);
  }

  openRange(start: number, length: number): AsyncIterable<Uint8Array> {
    return openRange(this.base, this.start + start, length);
  }
}

function isRanged(content: Content): content is RangedContent {
  return 'openRange' in content && typeof content.openRange === 'function';
}

/** Reads `length` bytes from `start` on. Ends early only if the content itself does. */
export function openRange(
  content: Content,
  start: number,
  length: number,
): AsyncIterable<Uint8Array> {
  return isRanged(content) ? content.openRange(start, length) : skipTo(content, start, length);
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
    return new SliceContent(content.base, content.start + start, length);
  }
  return new SliceContent(content, start, length);
}

/** The same bytes, in memory if they are few. */
export async function loadSmall(content: Content): Promise<Content> {
  if (content instanceof MemoryContent || content.sizeBytes > SMALL_CONTENT_BYTES) return content;
  return new MemoryContent(await readContent(content, SMALL_CONTENT_BYTES));
}

/** A Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
