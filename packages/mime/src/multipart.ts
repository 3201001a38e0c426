import { asBuffer, type Content, MemoryContent, sliceContent } from '@sallyport/mail';
import { contentType } from './content-type.ts';
import { type Delimiter, findDelimiters } from './delimiters.ts';
import { type Entity, HeadCollector, makeEntity } from './entity.ts';
import type { ReadOptions } from './header.ts';
import { type Malformed, type MimeLimits, malformed, overLimit } from './limits.ts';

/** A part, and where it lies in the body of its multipart. */
export type MultipartPart = Entity & { readonly offset: number };

export type SplitMultipart =
  | {
      readonly kind: 'parts';
      readonly parts: readonly MultipartPart[];
      /** False if the closing delimiter is missing: the message was cut short. */
      readonly closed: boolean;
    }
  | Malformed;

const MAX_BOUNDARY = 256; // RFC 2046 section 5.1.1 says 70; longer ones are met
const BUFFERED_PART_BYTES = 64 * 1024;
const BUFFERED_TOTAL_BYTES = 8 * 1024 * 1024;

/**
 * Splits a multipart body at its delimiter lines (RFC 2046 section 5.1.1) in one streaming scan;
 * a second gathers the parts' header sections. Preamble and epilogue are passed over.
 *
 * @returns `malformed` if there is no boundary, no part, or more than the limits allow.
 */
export async function splitMultipart(
  entity: Entity,
  limits: MimeLimits,
  options: ReadOptions = {},
): Promise<SplitMultipart> {
  const type = contentType(entity);
  const boundary = type.parameters.get('boundary') ?? '';
  if (type.type !== 'multipart' || type.malformed || !isBoundary(boundary)) {
    return malformed('A multipart does not name its boundary.');
  }
  const found = await findDelimiters(entity.body, boundary, {
    maxDelimiters: limits.maxParts + 1,
    lenient: options.lineEnds === 'any',
  });
  if (found === null)
    return overLimit(`A multipart has more than ${limits.maxParts} parts.`, 'too-many-parts');
  if (found.length === 0 || found[0]?.closing === true) {
    return malformed('A multipart has no part.');
  }
  const ranges = partRanges(found, entity.body.sizeBytes);
  if (ranges.length > limits.maxParts) {
    return overLimit(`A multipart has more than ${limits.maxParts} parts.`, 'too-many-parts');
  }
  const parts = await readParts(entity.body, ranges, { limits, options });
  if ('kind' in parts) return parts;
  const digest = type.subtype === 'digest' ? { defaultType: 'message/rfc822' as const } : {};
  return {
    kind: 'parts',
    parts: parts.map((part) => ({ ...part, ...digest })),
    closed: found.at(-1)?.closing === true,
  };
}

function isBoundary(boundary: string): boolean {
  return boundary.length <= MAX_BOUNDARY && /^[\x20-\x7e]*[\x21-\x7e]$/.test(boundary);
}

interface Range {
  readonly start: number;
  readonly length: number;
}

function partRanges(delimiters: readonly Delimiter[], bodyBytes: number): Range[] {
  const ranges: Range[] = [];
  for (const [index, delimiter] of delimiters.entries()) {
    if (delimiter.closing) break;
    const end = delimiters[index + 1]?.start ?? bodyBytes;
    // One CRLF may end a delimiter line and begin the next delimiter: the part between is empty.
    ranges.push({ start: delimiter.end, length: Math.max(end - delimiter.end, 0) });
  }
  return ranges;
}

interface Reading {
  readonly limits: MimeLimits;
  readonly options: ReadOptions;
}

async function readParts(
  body: Content,
  ranges: readonly Range[],
  { limits, options }: Reading,
): Promise<MultipartPart[] | Malformed> {
  const heads = await readHeads(body, ranges, { limits, options });
  if (!Array.isArray(heads)) return heads;
  const parts: MultipartPart[] = [];
  for (const [index, range] of ranges.entries()) {
    const head = heads[index] ?? Buffer.alloc(0);
    const content =
      head.length === range.length
        ? new MemoryContent(head)
        : sliceContent(body, range.start, range.length);
    const read = makeEntity(content, head, limits, options);
    if (read.kind === 'malformed') return read;
    parts.push({ ...read.value, offset: range.start });
  }
  return parts;
}

/** For each range its first bytes: all of them if they are few, else its header section at least. */
async function readHeads(
  body: Content,
  ranges: readonly Range[],
  { limits, options }: Reading,
): Promise<Buffer[] | Malformed> {
  if (body instanceof MemoryContent) {
    return ranges.map(({ start, length }) => body.bytes.subarray(start, start + length));
  }
  const gatherers = ranges.map((range) => new PartHead(range, limits, options));
  let offset = 0;
  let current = 0;
  let total = 0;
  for await (const chunk of body.open()) {
    const bytes = asBuffer(chunk);
    const end = offset + bytes.length;
    for (let gatherer = gatherers[current]; gatherer; gatherer = gatherers[current]) {
      total += gatherer.take(bytes, offset, total < BUFFERED_TOTAL_BYTES);
      if (gatherer.end > end) break;
      current += 1;
    }
    if (gatherers.some((gatherer) => gatherer.overLimit)) {
      return overLimit('The header section of a part is over the limit.', 'header-too-long');
    }
    if (total > BUFFERED_TOTAL_BYTES + 4 * limits.maxHeaderBytes) {
      return overLimit(
        'The header sections of the parts are over the limit together.',
        'header-too-long',
      );
    }
    if (current === gatherers.length) break;
    offset = end;
  }
  return gatherers.map((gatherer) => gatherer.bytes());
}

class PartHead {
  readonly end: number;
  readonly #start: number;
  readonly #whole: boolean;
  readonly #head: HeadCollector;
  #done = false;

  constructor(range: Range, limits: MimeLimits, options: ReadOptions) {
    this.#start = range.start;
    this.end = range.start + range.length;
    this.#whole = range.length <= BUFFERED_PART_BYTES;
    this.#head = new HeadCollector(limits.maxHeaderBytes, options);
  }

  /** Takes what of the chunk is wanted; returns how much that was. */
  take(chunk: Buffer, offset: number, keepWhole: boolean): number {
    const wanted = this.#whole && keepWhole;
    const from = Math.max(this.#start - offset, 0);
    const to = Math.min(this.end - offset, chunk.length);
    if (to <= from || (this.#done && !wanted)) return 0;
    if (this.#done && this.#head.bytes().length !== Math.max(offset, this.#start) - this.#start) {
      return 0;
    }
    const done = this.#head.add(chunk.subarray(from, to));
    this.#done ||= done;
    return to - from;
  }

  get overLimit(): boolean {
    return !this.#done && this.#head.overLimit;
  }

  bytes(): Buffer {
    return this.#head.bytes();
  }
}
