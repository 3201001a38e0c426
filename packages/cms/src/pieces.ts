import type { Content } from '@sallyport/mail';

/** Ciphers are fed pieces of this size: larger ones make large garbage, smaller ones cost calls. */
const PIECE_BYTES = 64 * 1024;
const SMALL_PIECE_BYTES = 8 * 1024;

/** Slices of one buffer as content; small slices are gathered, large ones passed on as they are. */
export function slicesContent(slices: readonly Buffer[]): Content {
  return {
    sizeBytes: slices.reduce((sum, slice) => sum + slice.length, 0),
    open: async function* () {
      yield* gather(slices);
    },
  };
}

function* gather(slices: readonly Buffer[]): Generator<Buffer> {
  let small: Buffer[] = [];
  let length = 0;
  for (const slice of slices) {
    const isLarge = slice.length >= SMALL_PIECE_BYTES;
    if (!isLarge) {
      small.push(slice);
      length += slice.length;
    }
    if (length > 0 && (isLarge || length >= PIECE_BYTES)) {
      yield Buffer.concat(small, length);
      small = [];
      length = 0;
    }
    if (isLarge) yield slice;
  }
  if (length > 0) yield Buffer.concat(small, length);
}

/** Content in pieces of at most 64 KB, without copies. */
export async function* pieces(content: Content): AsyncGenerator<Uint8Array> {
  for await (const chunk of content.open()) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      yield chunk.length <= PIECE_BYTES ? chunk : chunk.subarray(at, at + PIECE_BYTES);
    }
  }
}

/** Content that is known when it is opened, its length before. */
export function lateContent(sizeBytes: number, open: () => AsyncIterable<Uint8Array>): Content {
  return { sizeBytes, open };
}
