import { isRanged, MemoryContent, openRange, PIECE_BYTES, type RangedContent } from './ranges.ts';

/**
 * Bytes of known length that can be read more than once: a message, an entity, a CMS object.
 *
 * Every layer that we write has a length that is known before its first byte is written, so the
 * DER we produce is definite and no layer needs the whole message in memory.
 */
export interface Content {
  readonly sizeBytes: number;
  /** Starts a new read from the first byte. The chunks' lengths add up to `sizeBytes`. */
  open(): AsyncIterable<Uint8Array>;
}

/** The most that `readContent` gathers when its caller names no bound. */
export const MAX_COLLECT_BYTES = 256 * 1024 * 1024;

/** Content held in memory. The bytes must not be changed afterwards. */
export function bufferContent(bytes: Uint8Array): MemoryContent {
  return new MemoryContent(asBuffer(bytes));
}

/** The given contents one after another. */
export function concatContent(parts: readonly Content[]): Content {
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  const open = async function* (): AsyncGenerator<Uint8Array> {
    for (const part of parts) yield* part.open();
  };
  if (!parts.every(isRanged)) return { sizeBytes, open };
  const ranged: RangedContent = {
    sizeBytes,
    open,
    openRange: (start, length) => openParts(parts, start, start + length),
  };
  return ranged;
}

async function* openParts(
  parts: readonly Content[],
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const part of parts) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, part.sizeBytes);
    if (to > from) yield* openRange(part, from, to - from);
    offset += part.sizeBytes;
    if (offset >= end) return;
  }
}

/** Content up to this size may be held in memory while it is worked on; larger content is read again. */
export const SMALL_CONTENT_BYTES = 2 * 1024 * 1024;

/** The same bytes, in memory if they are few. */
export async function loadSmall(content: Content): Promise<Content> {
  if (content instanceof MemoryContent || content.sizeBytes > SMALL_CONTENT_BYTES) return content;
  return new MemoryContent(await readContent(content, SMALL_CONTENT_BYTES));
}

/** Content in pieces of at most 64 KiB, without copies. */
export async function* openPieces(content: Content): AsyncGenerator<Uint8Array> {
  for await (const chunk of content.open()) {
    if (chunk.length <= PIECE_BYTES) {
      yield chunk;
      continue;
    }
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      yield chunk.subarray(at, at + PIECE_BYTES);
    }
  }
}

/** A Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Gathers content into one buffer.
 *
 * @throws RangeError if it is longer than `maxBytes`, or if its length is not `sizeBytes`.
 */
export async function readContent(content: Content, maxBytes = MAX_COLLECT_BYTES): Promise<Buffer> {
  if (content.sizeBytes > maxBytes) {
    throw new RangeError(`content of ${content.sizeBytes} bytes is over the limit of ${maxBytes}`);
  }
  if (content instanceof MemoryContent) return content.bytes;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content.open()) {
    length += chunk.length;
    if (length > content.sizeBytes) break;
    chunks.push(chunk);
  }
  if (length !== content.sizeBytes) {
    throw new RangeError(`content of ${content.sizeBytes} bytes yielded ${length}`);
  }
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined
    ? asBuffer(first)
    : Buffer.concat(chunks, length);
}
