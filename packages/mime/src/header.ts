import { type Malformed, type MimeLimits, malformed, overLimit } from './limits.ts';

/** One field of a header section, byte for byte. */
export interface HeaderField {
  /** As written, without the white space that RFC 5322 section 4.5 allows before the colon. */
  readonly name: string;
  /** The whole field with its folding and, unless the bytes ended first, its final CRLF. */
  readonly raw: Buffer;
  /** Unfolded and trimmed; one character per octet (latin1). */
  readonly value: string;
}

/** How line ends are taken. */
export interface ReadOptions {
  /**
   * `crlf`, the default: every header line ends with CRLF, every line is a field, and delimiters
   * of multiparts are sought after CRLF only.
   * `any`: bare LF ends a line too, and a line that is no field is kept under the empty name;
   * for reports and archives, never for what is signed or relayed.
   */
  readonly lineEnds?: 'crlf' | 'any';
}

export interface HeaderSection {
  readonly kind: 'header';
  readonly fields: HeaderField[];
  /** Octets of the section with its empty line. */
  readonly bytes: number;
}

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const COLON = 0x3a;

/**
 * Where the header section ends: the offset after its empty line, or -1 if `bytes` has none.
 * `from` is an offset before which no empty line ends.
 */
export function findHeaderEnd(bytes: Buffer, from: number, options: ReadOptions): number {
  if (bytes[0] === CR && bytes[1] === LF) return 2;
  const strict = bytes.indexOf('\r\n\r\n', Math.max(from - 3, 0), 'latin1');
  const crlf = strict === -1 ? -1 : strict + 4;
  if (options.lineEnds !== 'any') return crlf;
  if (bytes[0] === LF) return 1;
  return findLenientEnd(bytes, from, crlf);
}

function findLenientEnd(bytes: Buffer, from: number, crlf: number): number {
  const limit = crlf === -1 ? bytes.length : crlf;
  let end = crlf;
  for (const pattern of ['\n\n', '\n\r\n']) {
    const found = bytes.subarray(0, limit).indexOf(pattern, Math.max(from - 2, 0), 'latin1');
    if (found !== -1 && (end === -1 || found + pattern.length < end)) end = found + pattern.length;
  }
  return end;
}

/**
 * Parses a header section that ends with `bytes` or with the first empty line in it.
 *
 * @returns `malformed` with `message-malformed` or the fault of a limit.
 */
export function parseHeader(
  bytes: Buffer,
  limits: MimeLimits,
  options: ReadOptions = {},
): HeaderSection | Malformed {
  const found = findHeaderEnd(bytes, 0, options);
  const end = found === -1 ? bytes.length : found;
  if (end > limits.maxHeaderBytes) {
    return overLimit(
      `The header section is longer than ${limits.maxHeaderBytes} bytes.`,
      'header-too-long',
    );
  }
  const section = bytes.subarray(0, end);
  const lenient = options.lineEnds === 'any';
  if (!lenient) {
    const fault = checkLines(section);
    if (fault !== null) return fault;
  }
  const fields: HeaderField[] = [];
  let start = 0;
  while (start < end && !isEmptyLine(section, start)) {
    if (fields.length === limits.maxHeaderFields) {
      return overLimit(
        `The header section has more than ${limits.maxHeaderFields} fields.`,
        'header-too-long',
      );
    }
    const next = fieldEnd(section, start);
    const field = parseField(section.subarray(start, next), lenient);
    if (field === null) return malformed('A line of the header section is not a header field.');
    fields.push(field);
    start = next;
  }
  return { kind: 'header', fields, bytes: end };
}

/** RFC 5322 section 2.2: CR and LF only together; NUL never (section 4.1 is history). */
function checkLines(section: Buffer): Malformed | null {
  let previous = 0;
  for (const octet of section) {
    if (octet === 0) return malformed('The header section contains a NUL octet.');
    // A bare CR or LF here would let two readers disagree about where a field ends.
    if ((octet === LF) !== (previous === CR)) {
      return malformed('A header line does not end with CR LF.');
    }
    previous = octet;
  }
  return previous === CR ? malformed('A header line does not end with CR LF.') : null;
}

function isEmptyLine(section: Buffer, start: number): boolean {
  return section[start] === LF || (section[start] === CR && section[start + 1] === LF);
}

/** The offset after the field that begins at `start`: past its last continuation line. */
function fieldEnd(section: Buffer, start: number): number {
  let at = start;
  while (at < section.length) {
    const lf = section.indexOf(LF, at);
    if (lf === -1) return section.length;
    at = lf + 1;
    const next = section[at];
    if (next !== SPACE && next !== TAB) return at;
  }
  return at;
}

const TRAILING_SPACE = /[ \t]$/;
const NAME = /^[\x21-\x39\x3b-\x7e]+$/;

function parseField(raw: Buffer, lenient: boolean): HeaderField | null {
  const colon = raw.indexOf(COLON);
  const name = colon > 0 ? fieldName(raw.toString('latin1', 0, colon)) : null;
  if (name === null) return lenient ? { name: '', raw, value: '' } : null;
  return { name, raw, value: unfold(raw.toString('latin1', colon + 1)) };
}

function fieldName(text: string): string | null {
  const name = TRAILING_SPACE.test(text) ? text.trimEnd() : text;
  return NAME.test(name) ? name : null;
}

/** RFC 5322 section 2.2.3: the CRLF before white space goes, the white space stays. */
function unfold(text: string): string {
  const plain = text.includes('\n') ? text.replaceAll('\r\n', '').replaceAll('\n', '') : text;
  return trimWsp(plain);
}

/** Without space and tab at both ends; linear, and unlike `trim` it leaves other characters. */
function trimWsp(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWsp(text.charCodeAt(start))) start += 1;
  while (end > start && isWsp(text.charCodeAt(end - 1))) end -= 1;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isWsp(code: number): boolean {
  return code === SPACE || code === TAB;
}
