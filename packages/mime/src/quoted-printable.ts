const EQUALS = 0x3d;
const CR = 0x0d;
const LF = 0x0a;
const MAX_COLUMNS = 76;
const MAX_CARRY = 64 * 1024;
const CRLF = Buffer.from('\r\n');
const SOFT = Buffer.from('=\r\n');

/** Decodes quoted-printable piece by piece (RFC 2045 section 6.7); never fails: odd `=` stay as they are. */
export class QuotedPrintableDecoder {
  #carry: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer {
    const bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    let cut = bytes.lastIndexOf(LF) + 1;
    // A line without end is cut short of an `=` and of white space that might be trailing.
    if (cut === 0 && bytes.length > MAX_CARRY) cut = safeCut(bytes);
    this.#carry = bytes.subarray(cut);
    return decodeLines(bytes.subarray(0, cut), false);
  }

  finish(): Buffer {
    return decodeLines(this.#carry, true);
  }
}

function safeCut(bytes: Buffer): number {
  const equals = bytes.indexOf(EQUALS, bytes.length - 3);
  return equals === -1 ? bytes.length : equals;
}

function decodeLines(bytes: Buffer, last: boolean): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let start = 0;
  while (start < bytes.length) {
    const lf = bytes.indexOf(LF, start);
    const ended = lf !== -1 || last;
    const next = lf === -1 ? bytes.length : lf + 1;
    const lineEnd = lf === -1 ? next : contentEnd(bytes, start, lf);
    const end = ended ? trimmedEnd(bytes, start, lineEnd) : lineEnd;
    const soft = ended && end > start && bytes[end - 1] === EQUALS;
    length = decodeLine(bytes.subarray(start, soft ? end - 1 : end), out, length);
    if (!soft) length += bytes.copy(out, length, lineEnd, next);
    start = next;
  }
  return out.subarray(0, length);
}

function contentEnd(bytes: Buffer, start: number, lf: number): number {
  return lf > start && bytes[lf - 1] === CR ? lf - 1 : lf;
}

/** White space at a line's end was added in transport (rule 3). */
function trimmedEnd(bytes: Buffer, start: number, lineEnd: number): number {
  let end = lineEnd;
  while (end > start && isBlank(bytes[end - 1])) end -= 1;
  return end;
}

function decodeLine(line: Buffer, out: Buffer, from: number): number {
  let length = from;
  for (let at = 0; at < line.length; at += 1) {
    const octet = line[at] ?? 0;
    const value = octet === EQUALS ? hexOctet(line, at + 1) : -1;
    out[length++] = value === -1 ? octet : value;
    if (value !== -1) at += 2;
  }
  return length;
}

function hexOctet(line: Buffer, at: number): number {
  const high = hexDigit(line[at]);
  const low = hexDigit(line[at + 1]);
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexDigit(octet = 0): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const letter = octet | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function isBlank(octet = 0): boolean {
  return octet === 0x20 || octet === 0x09;
}

/**
 * Encodes text with CRLF line ends; other control octets, trailing white space and what a mail
 * store could change (`From ` and a full stop at a line's start) are quoted.
 */
export class QuotedPrintableEncoder {
  #carry: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer {
    const bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    const cut = bytes.lastIndexOf('\r\n', undefined, 'latin1') + 2;
    if (cut === 1) return this.#pushUnended(bytes);
    this.#carry = bytes.subarray(cut);
    return encodeLines(bytes.subarray(0, cut));
  }

  /** A line without end is broken softly, so that the carry stays bounded. */
  #pushUnended(bytes: Buffer): Buffer {
    const cut = bytes.length > MAX_CARRY ? bytes.length - 1 : 0;
    this.#carry = bytes.subarray(cut);
    return cut === 0 ? Buffer.alloc(0) : Buffer.concat([encodeLine(bytes.subarray(0, cut)), SOFT]);
  }

  finish(): Buffer {
    return encodeLines(this.#carry);
  }
}

function encodeLines(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf('\r\n', start, 'latin1');
    pieces.push(encodeLine(bytes.subarray(start, end === -1 ? bytes.length : end)));
    if (end === -1) break;
    pieces.push(CRLF);
    start = end + 2;
  }
  return Buffer.concat(pieces);
}

const HEX = Array.from(
  { length: 256 },
  (_, octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`,
);

function encodeLine(line: Buffer): Buffer {
  const quoteFirst = line[0] === 0x2e || line.toString('latin1', 0, 5) === 'From ';
  let out = '';
  let column = 0;
  for (const [at, octet] of line.entries()) {
    const last = at === line.length - 1;
    const plain = isPlain(octet) && !(at === 0 && quoteFirst) && !(last && isBlank(octet));
    const text = plain ? String.fromCharCode(octet) : (HEX[octet] ?? '');
    if (column + text.length > (last ? MAX_COLUMNS : MAX_COLUMNS - 1)) {
      out += '=\r\n';
      column = 0;
    }
    out += text;
    column += text.length;
  }
  return Buffer.from(out, 'latin1');
}

function isPlain(octet: number): boolean {
  return (octet >= 0x20 && octet <= 0x7e && octet !== EQUALS) || octet === 0x09;
}
