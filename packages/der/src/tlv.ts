/** Nesting that any reader of ours goes into; deeper input is refused, not followed. */
export const MAX_DEPTH = 64;
/** Elements of one indefinite or constructed value; a sender that cuts 100 MB in lines stays below. */
export const MAX_ELEMENTS = 2_000_000;

const MAX_TAG = 0x0fff_ffff;
const MAX_LENGTH_OCTETS = 6;

export type TagClass = 'universal' | 'application' | 'context' | 'private';

const TAG_CLASSES = ['universal', 'application', 'context', 'private'] as const;

/** One tag, length and value (X.690 section 8.1). The buffers are slices of the input. */
export interface Tlv {
  readonly tagClass: TagClass;
  readonly tag: number;
  readonly constructed: boolean;
  /** Length of tag and length octets. */
  readonly header: number;
  /** The whole element, with the end-of-contents octets if the length is indefinite. */
  readonly bytes: Buffer;
  /** The content octets. */
  readonly value: Buffer;
  readonly indefinite: boolean;
}

export interface ReadOptions {
  /** DER: definite minimal lengths, primitive strings, one form of BOOLEAN and INTEGER. */
  readonly strict?: boolean;
}

/** Malformed or over-limit input. The caller at the border catches it once. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/** What was read, or null where the reader says that the bytes are malformed. */
export function nullIfMalformed<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}

/** The limit on nesting was met: a bound of ours, not a fault of the bytes. */
export class DerDepthError extends DerError {
  constructor() {
    super('nested too deeply');
  }
}

interface Header {
  readonly identifier: number;
  readonly tag: number;
  /** Offset of the first content octet. */
  readonly start: number;
  /** -1 for the indefinite form. */
  readonly length: number;
}

function octet(bytes: Buffer, offset: number): number {
  const value = bytes[offset];
  if (value === undefined) throw new DerError('ends inside a header');
  return value;
}

function readHighTag(bytes: Buffer, offset: number): { tag: number; next: number } {
  let tag = 0;
  let next = offset;
  for (;;) {
    const part = octet(bytes, next);
    // X.690 section 8.1.2.4.2: no leading zero bits, and no high form for a tag below 31
    if (next === offset && part === 0x80) throw new DerError('tag number is padded');
    next += 1;
    tag = tag * 128 + (part & 0x7f);
    if (tag > MAX_TAG) throw new DerError('tag number is too high');
    if ((part & 0x80) === 0) break;
  }
  if (tag < 31) throw new DerError('low tag number in the high form');
  return { tag, next };
}

function readLength(
  bytes: Buffer,
  offset: number,
  strict: boolean,
): { length: number; next: number } {
  const count = octet(bytes, offset) & 0x7f;
  if (count > MAX_LENGTH_OCTETS + 8) throw new DerError('length is too long');
  let length = 0;
  for (let i = 1; i <= count; i += 1) {
    const part = octet(bytes, offset + i);
    if (strict && i === 1 && part === 0) throw new DerError('length is padded');
    length = length * 256 + part;
    if (length > 2 ** (8 * MAX_LENGTH_OCTETS)) throw new DerError('length is too long');
  }
  if (strict && length < 128) throw new DerError('length is not in the short form');
  return { length, next: offset + 1 + count };
}

function readHeader(bytes: Buffer, offset: number, strict: boolean): Header {
  const identifier = octet(bytes, offset);
  let tag = identifier & 0x1f;
  let next = offset + 1;
  if (tag === 0x1f) ({ tag, next } = readHighTag(bytes, next));
  const first = octet(bytes, next);
  if (first < 0x80) return { identifier, tag, start: next + 1, length: first };
  if (first === 0x80) {
    if (strict) throw new DerError('indefinite length where DER is required');
    if ((identifier & 0x20) === 0) throw new DerError('primitive element of indefinite length');
    return { identifier, tag, start: next + 1, length: -1 };
  }
  const long = readLength(bytes, next, strict);
  return { identifier, tag, start: long.next, length: long.length };
}

/** The tag and length of an element whose value is not looked at. */
export interface TlvHeader {
  readonly tagClass: TagClass;
  readonly tag: number;
  readonly constructed: boolean;
  /** Length of tag and length octets. */
  readonly header: number;
  /** Length of the value; null for the indefinite form. */
  readonly length: number | null;
  /** X.690 section 8.1.5: these two octets end an element of indefinite length. */
  readonly isEndOfContents: boolean;
}

/** Octets of the longest header that a reader of ours takes. */
export const MAX_HEADER_OCTETS = 32;

/**
 * Reads a header out of a stream, from as much as has come.
 *
 * @returns null while it is not complete.
 * @throws DerError if it is malformed.
 */
export function readTlvHeader(bytes: Buffer, offset = 0): TlvHeader | null {
  if (!isHeaderComplete(bytes, offset)) return null;
  const { identifier, tag, start, length } = readHeader(bytes, offset, false);
  if (identifier === 0 && (length !== 0 || start !== offset + 2)) {
    throw new DerError('unexpected end-of-contents');
  }
  return {
    tagClass: TAG_CLASSES[(identifier >> 6) as 0 | 1 | 2 | 3],
    tag,
    constructed: (identifier & 0x20) !== 0,
    header: start - offset,
    length: length < 0 ? null : length,
    isEndOfContents: identifier === 0,
  };
}

function isHeaderComplete(bytes: Buffer, offset: number): boolean {
  let next = offset + 1;
  if (((bytes[offset] ?? 0) & 0x1f) === 0x1f) {
    while (next < offset + MAX_HEADER_OCTETS && (bytes[next] ?? 0) >= 0x80) next += 1;
    next += 1;
  }
  const first = bytes[next];
  if (first === undefined) return false;
  const count = first > 0x80 ? Math.min(first & 0x7f, MAX_LENGTH_OCTETS + 8) : 0;
  return bytes.length > next + count;
}

/** Offset of the end-of-contents octets that close the indefinite element whose content starts here. */
function findEnd(bytes: Buffer, start: number): number {
  let depth = 1;
  let offset = start;
  for (let count = 0; count < MAX_ELEMENTS; count += 1) {
    if (bytes[offset] === 0 && bytes[offset + 1] === 0) {
      depth -= 1;
      if (depth === 0) return offset;
      offset += 2;
      continue;
    }
    const header = readHeader(bytes, offset, false);
    offset = header.start;
    if (header.length < 0) {
      depth += 1;
      if (depth > MAX_DEPTH) throw new DerDepthError();
    } else {
      offset += header.length;
    }
  }
  throw new DerError('too many elements');
}

/**
 * Reads the element at `offset`; what follows it is left alone.
 *
 * @throws DerError if it is malformed or runs past the end of `bytes`.
 */
export function readTlv(bytes: Buffer, offset = 0, options: ReadOptions = {}): Tlv {
  const header = readHeader(bytes, offset, options.strict === true);
  const { identifier, tag, start } = header;
  if (identifier === 0) throw new DerError('unexpected end-of-contents');
  const indefinite = header.length < 0;
  const end = indefinite ? findEnd(bytes, start) : start + header.length;
  if (end > bytes.length) throw new DerError('ends inside a value');
  return {
    tagClass: TAG_CLASSES[(identifier >> 6) as 0 | 1 | 2 | 3],
    tag,
    constructed: (identifier & 0x20) !== 0,
    header: start - offset,
    bytes: bytes.subarray(offset, indefinite ? end + 2 : end),
    value: bytes.subarray(start, end),
    indefinite,
  };
}

/**
 * Reads the one element that fills `bytes`.
 *
 * @throws DerError also for bytes after it: two readers could disagree about what was signed.
 */
export function readOnly(bytes: Buffer, options: ReadOptions = {}): Tlv {
  const tlv = readTlv(bytes, 0, options);
  if (tlv.bytes.length !== bytes.length) throw new DerError('bytes after the last element');
  return tlv;
}

/**
 * Reads the elements that fill `bytes`: the content octets of a SEQUENCE or SET.
 *
 * @throws DerError if one is malformed, or there are more than `maxElements`.
 */
export function readAll(
  bytes: Buffer,
  options: ReadOptions & { readonly maxElements?: number } = {},
): Tlv[] {
  const maxElements = options.maxElements ?? MAX_ELEMENTS;
  const elements: Tlv[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    if (elements.length >= maxElements) throw new DerError('too many elements');
    const tlv = readTlv(bytes, offset, options);
    elements.push(tlv);
    offset += tlv.bytes.length;
  }
  return elements;
}

/**
 * Length of the first element of a stream, from as much as has come (for framing, as LDAP does).
 *
 * @returns null while its header is not complete.
 * @throws DerError if the header is malformed or the length indefinite (RFC 4511 section 5.1).
 */
export function elementLength(bytes: Buffer): number | null {
  const tag = bytes[0];
  if (tag !== undefined && (tag & 0x1f) === 0x1f) throw new DerError('high tag number');
  const first = bytes[1];
  if (first === undefined) return null;
  if (first === 0x80) throw new DerError('indefinite length');
  if (first > 0x80 && bytes.length < 2 + (first & 0x7f)) {
    if ((first & 0x7f) > MAX_LENGTH_OCTETS) throw new DerError('length is too long');
    return null;
  }
  const header = readHeader(bytes, 0, false);
  return header.start + header.length;
}

const OCTET_STRING = 4;

/**
 * The content of an OCTET STRING, primitive or constructed (X.690 section 8.7), as slices in order.
 * The outer tag is not looked at, so an IMPLICIT one may be given.
 *
 * @throws DerError if a piece is not an OCTET STRING, or pieces nest too deeply.
 */
export function octetStringContent(tlv: Tlv): Buffer[] {
  if (!tlv.constructed) return [tlv.value];
  const pieces: Buffer[] = [];
  gatherPieces(tlv.value, 1, pieces);
  return pieces;
}

function gatherPieces(value: Buffer, depth: number, pieces: Buffer[]): void {
  if (depth > MAX_DEPTH) throw new DerDepthError();
  for (let offset = 0; offset < value.length; ) {
    const header = readHeader(value, offset, false);
    if (header.tag !== OCTET_STRING || header.identifier >> 6 !== 0) {
      throw new DerError('piece is not an OCTET STRING');
    }
    const end = header.length < 0 ? findEnd(value, header.start) : header.start + header.length;
    if (end > value.length) throw new DerError('ends inside a value');
    const content = value.subarray(header.start, end);
    if ((header.identifier & 0x20) !== 0) gatherPieces(content, depth + 1, pieces);
    else pieces.push(content);
    if (pieces.length > MAX_ELEMENTS) throw new DerError('too many pieces');
    offset = header.length < 0 ? end + 2 : end;
  }
}
