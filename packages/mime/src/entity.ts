import {
  asBuffer,
  type Content,
  loadSmall,
  MemoryContent,
  openRange,
  sliceContent,
} from '@sallyport/mail';
import { findHeaderEnd, type HeaderField, parseHeader, type ReadOptions } from './header.ts';
import { type Malformed, type MimeLimits, overLimit } from './limits.ts';

/** A message or a part of one: header and body are ranges of `content` (RFC 2045 section 2.4). */
export interface Entity {
  readonly header: readonly HeaderField[];
  /** Octets of the header section with its empty line. */
  readonly headerBytes: number;
  /** The whole entity. */
  readonly content: Content;
  readonly body: Content;
  /** RFC 2046 section 5.1.5: what a part of multipart/digest is when it does not say. */
  readonly defaultType?: 'message/rfc822';
}

export type ReadEntity = { readonly kind: 'entity'; readonly value: Entity } | Malformed;

/**
 * Reads the header section and cuts the body off by offset. Small content is read into memory
 * once; of larger content only the header section is.
 *
 * @returns `malformed` with `message-malformed` or the fault of a limit.
 * @throws what the content's own read throws.
 */
export async function readEntity(
  content: Content,
  limits: MimeLimits,
  options: ReadOptions = {},
): Promise<ReadEntity> {
  const loaded = await loadSmall(content);
  if (loaded instanceof MemoryContent) return makeEntity(loaded, loaded.bytes, limits, options);
  const head = await readHead(loaded, limits.maxHeaderBytes, options);
  return head === null
    ? overLimit(
        `The header section is longer than ${limits.maxHeaderBytes} bytes.`,
        'header-too-long',
      )
    : makeEntity(loaded, head, limits, options);
}

/** Reads an entity that is in memory already. */
export function readEntityBytes(
  bytes: Buffer,
  limits: MimeLimits,
  options: ReadOptions = {},
): ReadEntity {
  return makeEntity(new MemoryContent(bytes), bytes, limits, options);
}

/** `head` are the first bytes of `content`, the whole header section at least. */
export function makeEntity(
  content: Content,
  head: Buffer,
  limits: MimeLimits,
  options: ReadOptions,
): ReadEntity {
  const section = parseHeader(head, limits, options);
  if (section.kind === 'malformed') return section;
  const value: Entity = {
    header: section.fields,
    headerBytes: section.bytes,
    content,
    body: sliceContent(content, section.bytes, content.sizeBytes - section.bytes),
  };
  return { kind: 'entity', value };
}

/** The bytes up to the end of the header section at least; null if it is longer than `maxBytes`. */
async function readHead(
  content: Content,
  maxBytes: number,
  options: ReadOptions,
): Promise<Buffer | null> {
  const collector = new HeadCollector(maxBytes, options);
  for await (const chunk of openRange(content, 0, Math.min(content.sizeBytes, maxBytes + 1))) {
    if (collector.add(asBuffer(chunk))) return collector.bytes();
  }
  return content.sizeBytes > maxBytes ? null : collector.bytes();
}

/** Gathers chunks until an empty line ends a header section among them; doubles its memory as it grows. */
export class HeadCollector {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;
  readonly #maxBytes: number;
  readonly #options: ReadOptions;

  constructor(maxBytes: number, options: ReadOptions) {
    this.#maxBytes = maxBytes;
    this.#options = options;
  }

  /** True once the header section is complete. */
  add(chunk: Buffer): boolean {
    const before = this.#length;
    const length = before + chunk.length;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, before);
      this.#bytes = grown;
    }
    chunk.copy(this.#bytes, before);
    this.#length = length;
    return findHeaderEnd(this.bytes(), before, this.#options) !== -1;
  }

  get overLimit(): boolean {
    return this.#length > this.#maxBytes;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** The values of all fields of that name, in order, unfolded, latin1. Case does not matter. */
export function fieldValues(source: Entity | readonly HeaderField[], name: string): string[] {
  const values: string[] = [];
  for (const field of fieldsNamed(source, name)) values.push(field.value);
  return values;
}

/** All fields of that name, in order. */
export function fieldsNamed(
  source: Entity | readonly HeaderField[],
  name: string,
): readonly HeaderField[] {
  const header = 'header' in source ? source.header : source;
  const wanted = name.toLowerCase();
  return header.filter(
    (field) => field.name.length === wanted.length && field.name.toLowerCase() === wanted,
  );
}
