import type { TagClass } from './tlv.ts';
import { oidContent } from './values.ts';

const CONSTRUCTED = 0x20;
const CLASS_BITS = { universal: 0, application: 0x40, context: 0x80, private: 0xc0 } as const;

/** How many octets the DER header of a value of this length has, tag included. */
export function derHeaderLength(length: number): number {
  if (length < 0x80) return 2;
  let octets = 3;
  for (let rest = Math.floor(length / 256); rest > 0; rest = Math.floor(rest / 256)) octets += 1;
  return octets;
}

/** Length of the whole element for a value of this length. */
export function derLength(length: number): number {
  return derHeaderLength(length) + length;
}

/** Tag and length octets in DER: for a value that is written after it, as a stream. */
export function derHeader(tagByte: number, length: number): Buffer {
  if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`bad length ${length}`);
  const header = Buffer.allocUnsafe(derHeaderLength(length));
  writeHeader(header, tagByte, length);
  return header;
}

function writeHeader(into: Buffer, tagByte: number, length: number): void {
  into[0] = tagByte;
  if (length < 0x80) {
    into[1] = length;
    return;
  }
  const end = derHeaderLength(length);
  into[1] = 0x80 | (end - 2);
  for (let i = end - 1, rest = length; i > 1; i -= 1, rest = Math.floor(rest / 256)) {
    into[i] = rest % 256;
  }
}

function element(tagByte: number, parts: readonly Buffer[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const header = derHeaderLength(length);
  const bytes = Buffer.allocUnsafe(header + length);
  writeHeader(bytes, tagByte, length);
  let offset = header;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function sorted(parts: readonly Buffer[]): Buffer[] {
  return [...parts].sort(Buffer.compare);
}

/** Content octets of the least two's complement form (X.690 section 8.3.2). */
function integerOctets(value: bigint | number | Buffer): Buffer {
  if (Buffer.isBuffer(value)) return unsignedOctets(value);
  const number = BigInt(value);
  let octets = 1n;
  while (number < -(1n << (octets * 8n - 1n)) || number >= 1n << (octets * 8n - 1n)) octets += 1n;
  const hex = BigInt.asUintN(Number(octets * 8n), number).toString(16);
  return Buffer.from(hex.padStart(Number(octets) * 2, '0'), 'hex');
}

/** A buffer is an unsigned big-endian number, of any length. */
function unsignedOctets(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.subarray(start);
  const needsZero = trimmed.length === 0 || (trimmed[0] ?? 0) >= 0x80;
  return needsZero ? Buffer.concat([Buffer.of(0), trimmed]) : trimmed;
}

function characterString(tagByte: number, text: string, allowed: RegExp): Buffer {
  if (!allowed.test(text)) throw new RangeError('character is not allowed in this string type');
  return element(tagByte, [Buffer.from(text, 'latin1')]);
}

function digits(date: Date): string {
  return date.toISOString().replace(/\D/g, '').slice(0, 14);
}

function utcTime(date: Date): Buffer {
  const year = date.getUTCFullYear();
  if (year < 1950 || year > 2049) throw new RangeError(`UTCTime cannot hold ${year}`);
  return element(0x17, [Buffer.from(`${digits(date).slice(2)}Z`, 'latin1')]);
}

function generalizedTime(date: Date): Buffer {
  const year = date.getUTCFullYear();
  if (year < 0 || year > 9999) throw new RangeError(`GeneralizedTime cannot hold ${year}`);
  return element(0x18, [Buffer.from(`${digits(date)}Z`, 'latin1')]);
}

function contextTag(tag: number): number {
  if (!Number.isInteger(tag) || tag < 0 || tag > 30) throw new RangeError(`bad tag number ${tag}`);
  return 0x80 | tag;
}

const MAX_CACHED_OIDS = 1024;
const oidCache = new Map<string, Buffer>();

/** The same few OIDs are written in every message, and each costs BigInt arithmetic. */
function oidElement(text: string): Buffer {
  const known = oidCache.get(text);
  // a copy, so that nobody can change what the next caller gets
  if (known !== undefined) return Buffer.from(known);
  const made = element(0x06, [oidContent(text)]);
  if (oidCache.size < MAX_CACHED_OIDS) oidCache.set(text, Buffer.from(made));
  return made;
}

/** DER, one function per type; each returns the whole element. They throw RangeError for what cannot be said. */
export const der = {
  sequence: (...parts: readonly Buffer[]): Buffer => element(0x30, parts),
  /** A SET as given; use `setOf` for the order that DER demands of SET OF. */
  set: (...parts: readonly Buffer[]): Buffer => element(0x31, parts),
  /** X.690 section 11.6: the elements of a SET OF in ascending order of their encodings. */
  setOf: (parts: readonly Buffer[]): Buffer => element(0x31, sorted(parts)),
  /** A Buffer is taken as an unsigned big-endian number. */
  integer: (value: bigint | number | Buffer): Buffer => element(0x02, [integerOctets(value)]),
  /** INTEGER from content octets that came from another INTEGER, kept as they are. */
  integerContent: (content: Buffer): Buffer => element(0x02, [content]),
  enumerated: (value: number): Buffer => element(0x0a, [integerOctets(value)]),
  oid: oidElement,
  octetString: (bytes: Buffer): Buffer => element(0x04, [bytes]),
  bitString: (bytes: Buffer, unusedBits = 0): Buffer =>
    element(0x03, [Buffer.of(unusedBits), bytes]),
  /** X.690 section 11.2.2: a list of named bits, the trailing zero bits removed. */
  namedBits: (bits: readonly number[]): Buffer => {
    const highest = Math.max(-1, ...bits);
    const bytes = Buffer.alloc(Math.ceil((highest + 1) / 8));
    for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
    return element(0x03, [Buffer.of(highest < 0 ? 0 : 7 - (highest & 7)), bytes]);
  },
  null: (): Buffer => Buffer.of(0x05, 0x00),
  boolean: (value: boolean): Buffer => Buffer.of(0x01, 0x01, value ? 0xff : 0x00),
  utf8String: (text: string): Buffer => element(0x0c, [Buffer.from(text, 'utf8')]),
  printableString: (text: string): Buffer =>
    characterString(0x13, text, /^[A-Za-z0-9 '()+,\-./:=?]*$/),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: IA5 is all of ASCII
  ia5String: (text: string): Buffer => characterString(0x16, text, /^[\x00-\x7f]*$/),
  utcTime,
  generalizedTime,
  /** RFC 5280 section 4.1.2.5: UTCTime through the year 2049, GeneralizedTime after it. */
  time: (date: Date): Buffer =>
    date.getUTCFullYear() <= 2049 ? utcTime(date) : generalizedTime(date),
  /** `[tag] EXPLICIT`. */
  explicit: (tag: number, ...parts: readonly Buffer[]): Buffer =>
    element(contextTag(tag) | CONSTRUCTED, parts),
  /** `[tag] IMPLICIT`: the same element under another tag, constructed or not as before. */
  implicit: (tag: number, part: Buffer): Buffer => {
    const first = part[0] ?? 0;
    if ((first & 0x1f) === 0x1f) throw new RangeError('cannot retag a high tag number');
    const copy = Buffer.from(part);
    copy[0] = contextTag(tag) | (first & CONSTRUCTED);
    return copy;
  },
  /** Any low tag, for protocols with APPLICATION tags (RFC 4511 section 4). */
  tagged: (
    tag: { readonly tagClass: TagClass; readonly tag: number; readonly constructed: boolean },
    ...parts: readonly Buffer[]
  ): Buffer =>
    element(
      CLASS_BITS[tag.tagClass] | (tag.constructed ? CONSTRUCTED : 0) | (contextTag(tag.tag) & 0x1f),
      parts,
    ),
  /** Bytes that are DER already. */
  raw: (bytes: Buffer): Buffer => bytes,
};
