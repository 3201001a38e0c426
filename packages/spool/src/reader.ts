import { openRange, type RangedContent } from '@sallyport/mail';
import type { BlobReader } from './blob-store.ts';
import { bytesPassed } from './collect-garbage.ts';
import { SpoolCorruptError } from './errors.ts';
import { MAX_HEADER_BYTES, parseHeader, type QueueFileHeader, type Seal } from './header.ts';
import {
  type BodyLayout,
  CHUNK_BYTES,
  chunkRange,
  EPHEMERAL_BYTES,
  type FileKey,
  layoutOf,
  openChunk,
} from './seal.ts';

/** The first bytes of every queue file; the figure is the version of the format. */
const MAGIC = Buffer.from('SLPY1\n');

const LENGTH_BYTES = 4;
const FIXED_BYTES = MAGIC.length + LENGTH_BYTES;
// One read takes in the longest header, or a small message whole.
const FIRST_READ_BYTES = MAX_HEADER_BYTES + 32 * 1024;

/** Everything before the first chunk, as it is written. */
export function formatPrefix(headerBytes: Buffer, ephemeral: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(headerBytes.length);
  return Buffer.concat([MAGIC, length, headerBytes, ephemeral]);
}

/** The clear part of a queue file, not yet authenticated. */
export interface Prefix {
  readonly header: QueueFileHeader;
  readonly seal: Seal;
  readonly headerBytes: Buffer;
  readonly ephemeral: Buffer;
  readonly bodyOffset: number;
  readonly bodyBytes: number;
  readonly layout: BodyLayout;
  /** What the first read took in, from the first byte of the file. */
  readonly head: Buffer;
}

export type ReadPrefix =
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'corrupt'; readonly reason: string };

/** Reads and parses the clear part: at most 96 KiB whatever the file claims. */
export async function readPrefix(blob: BlobReader): Promise<ReadPrefix> {
  const corrupt = (reason: string): ReadPrefix => ({ kind: 'corrupt', reason });
  const head = await blob.readAt(0, Math.min(blob.sizeBytes, FIRST_READ_BYTES));
  if (head.length < FIXED_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC)) {
    return corrupt('file does not begin like a queue file');
  }
  const headerLength = head.readUInt32BE(MAGIC.length);
  if (headerLength > MAX_HEADER_BYTES) return corrupt('header is too long');
  const bodyOffset = FIXED_BYTES + headerLength + EPHEMERAL_BYTES;
  if (head.length < bodyOffset) return corrupt('file ends inside its header');
  const headerBytes = head.subarray(FIXED_BYTES, FIXED_BYTES + headerLength);
  const parsed = parseHeader(headerBytes);
  if (parsed.kind === 'malformed') return corrupt(parsed.reason);
  const bodyBytes = blob.sizeBytes - bodyOffset;
  const layout = layoutOf(bodyBytes);
  if (layout === null) return corrupt('body has a length that no writer makes');
  const ephemeral = head.subarray(bodyOffset - EPHEMERAL_BYTES, bodyOffset);
  const { header, seal } = parsed;
  return {
    kind: 'prefix',
    prefix: { header, seal, headerBytes, ephemeral, bodyOffset, bodyBytes, layout, head },
  };
}

/**
 * The chunks of the body in order, beginning with the one numbered `from`, each authenticated before it is given out.
 *
 * @throws SpoolCorruptError at the first chunk that is not authentic at its place.
 */
export async function* openBody(
  blob: BlobReader,
  prefix: Prefix,
  file: FileKey,
  from = 0,
): AsyncIterable<Buffer> {
  for (let index = from; index < prefix.layout.chunks; index += 1) {
    const sealed = await readChunk(blob, prefix, index);
    const isLast = index === prefix.layout.chunks - 1;
    const plain = openChunk(file, { index, isLast }, sealed);
    if (plain === null) {
      throw new SpoolCorruptError(`chunk ${index} of ${prefix.layout.chunks} is not authentic`);
    }
    bytesPassed(plain.length, (index - from) * CHUNK_BYTES);
    if (plain.length > 0) yield plain;
  }
}

async function readChunk(blob: BlobReader, prefix: Prefix, index: number): Promise<Buffer> {
  const range = chunkRange(prefix.bodyBytes, index);
  const start = prefix.bodyOffset + range.offset;
  if (start + range.length <= prefix.head.length) {
    return prefix.head.subarray(start, start + range.length);
  }
  const sealed = await blob.readAt(start, range.length);
  if (sealed.length < range.length) throw new SpoolCorruptError('file became shorter');
  return sealed;
}

/** Re-readable content over a file that has been authenticated once; each opening checks it again. */
export function sealedContent(options: {
  readonly reopen: () => Promise<BlobReader | null>;
  readonly prefix: Prefix;
  readonly file: FileKey;
}): RangedContent {
  const { reopen, file } = options;
  // The bytes of the first read are not kept: many contents may be alive at once.
  const prefix: Prefix = { ...options.prefix, head: Buffer.alloc(0), headerBytes: Buffer.alloc(0) };
  const openFrom = async function* (index: number): AsyncGenerator<Buffer> {
    const blob = await reopen();
    if (blob === null) throw new SpoolCorruptError('queue file is gone');
    try {
      if (blob.sizeBytes !== prefix.bodyOffset + prefix.bodyBytes) {
        throw new SpoolCorruptError('file changed its length');
      }
      yield* openBody(blob, prefix, file, index);
    } finally {
      blob.close();
    }
  };
  const sizeBytes = prefix.layout.plainBytes;
  return {
    sizeBytes,
    open: () => openFrom(0),
    openRange: (start, length) => {
      const index = Math.min(Math.floor(start / CHUNK_BYTES), prefix.layout.chunks);
      const rest = { sizeBytes, open: () => openFrom(index) };
      return openRange(rest, start - index * CHUNK_BYTES, length);
    },
  };
}
