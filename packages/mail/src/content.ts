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
export function bufferContent(bytes: Uint8Array): Content {
  return {
    sizeBytes: bytes.length,
    open: async function* () {
      yield bytes;
    },
  };
}

/** The given contents one after another. */
export function concatContent(parts: readonly Content[]): Content {
  return {
    sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
    open: async function* () {
      for (const part of parts) yield* part.open();
    },
  };
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
  const first = chunks[0];
  if (chunks.length === 1 && first !== undefined) {
    return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
  }
  return Buffer.concat(chunks, length);
}
