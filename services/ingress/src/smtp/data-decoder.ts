/** What the decoder found wrong; the first one counts. */
export type DataFault = 'bare-line-end' | 'nul-in-data' | 'line-too-long';

export interface DataDecoderOptions {
  /** `normalise` turns bare CR and bare LF into CRLF; `refuse` stops at the first. */
  readonly lineEnds: 'refuse' | 'normalise';
  /** The most octets in a text line, its CRLF not counted (RFC 5322 section 2.1.1: 998). */
  readonly maxLineOctets: number;
}

/** What one chunk of the wire gave. */
export interface DecodedData {
  /** Mail data in canonical form: dots un-stuffed, every line end CRLF. */
  readonly pieces: readonly Buffer[];
  /** Where in the chunk the next command begins, once `<CRLF>.<CRLF>` was seen; else null. */
  readonly endsAt: number | null;
}

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const CRLF = Buffer.from('\r\n');

const LINE_START = 0;
const IN_LINE = 1;
const AFTER_CR = 2;
const AFTER_DOT = 3;
const AFTER_DOT_CR = 4;

/**
 * Reads the mail data of one DATA command, byte by byte, whatever the chunks.
 *
 * The only end is CR LF dot CR LF: a server that takes another form as the end, or passes one on,
 * lets a stranger smuggle a second message past it. A dot that begins a line is dropped if
 * anything follows it in that line (RFC 5321 section 4.5.2); a line begins after CR LF only.
 *
 * After a fault the decoder goes on to look for the end, and gives no more data.
 */
export class DataDecoder {
  readonly #normalises: boolean;
  readonly #maxLineOctets: number;
  #state = LINE_START;
  #fault: DataFault | null = null;
  #pieces: Buffer[] = [];
  /** First byte of the chunk that is not given out yet. */
  #from = 0;
  /** Where the present line began, seen from the chunk: negative if in an earlier one. */
  #lineFrom = 0;

  constructor(options: DataDecoderOptions) {
    this.#normalises = options.lineEnds === 'normalise';
    this.#maxLineOctets = options.maxLineOctets;
  }

  /** The first fault so far. */
  get fault(): DataFault | null {
    return this.#fault;
  }

  /** Takes the next bytes of the wire. Bytes behind the end belong to the next command. */
  push(chunk: Buffer): DecodedData {
    this.#pieces = [];
    this.#from = 0;
    const endsAt = this.#scan(chunk);
    return { pieces: this.#fault === null ? this.#pieces : [], endsAt };
  }

  #scan(chunk: Buffer): number | null {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === IN_LINE) {
        at = skipText(chunk, at);
        this.#special(chunk, at);
        at += 1;
      } else if (this.#state === AFTER_DOT_CR && chunk[at] === LF) {
        return at + 1;
      } else if (this.#step(chunk, at)) {
        at += 1;
      }
    }
    this.#hold(chunk);
    return null;
  }

  /** An octet inside a line that is CR, LF, NUL or another control character. */
  #special(chunk: Buffer, at: number): void {
    const byte = chunk[at];
    if (byte === CR) {
      this.#checkLine(at - this.#lineFrom);
      this.#state = AFTER_CR;
    } else if (byte === LF) {
      this.#checkLine(at - this.#lineFrom);
      this.#emit(chunk, at);
      this.#bareLineEnd(at + 1);
    } else if (byte === 0) {
      this.#fail('nul-in-data');
    }
  }

  /** Handles one octet at the border of two lines; false if it is to be looked at once more. */
  #step(chunk: Buffer, at: number): boolean {
    const byte = chunk[at];
    if (this.#state === LINE_START && byte === DOT) {
      this.#emit(chunk, at);
      this.#from = at + 1;
      this.#lineFrom = at + 1;
      this.#state = AFTER_DOT;
      return true;
    }
    if (this.#state === AFTER_DOT && byte === CR) {
      this.#state = AFTER_DOT_CR;
      return true;
    }
    if (this.#state === AFTER_CR && byte === LF) {
      if (at === 0) this.#giveLineEnd(1);
      this.#lineFrom = at + 1;
      this.#state = LINE_START;
      return true;
    }
    if (this.#state === AFTER_CR || this.#state === AFTER_DOT_CR) {
      this.#emit(chunk, at - 1);
      this.#bareLineEnd(at);
    }
    this.#state = IN_LINE;
    return false;
  }

  /** At the end of a chunk: gives out what is certain, holds back a CR that may be bare. */
  #hold(chunk: Buffer): void {
    const endsInCr = this.#state === AFTER_CR || this.#state === AFTER_DOT_CR;
    this.#emit(chunk, endsInCr ? chunk.length - 1 : chunk.length);
    this.#lineFrom -= chunk.length;
    if (this.#state === IN_LINE) this.#checkLine(-this.#lineFrom);
  }

  #bareLineEnd(next: number): void {
    // Bare CR or LF here would let two MTAs disagree where DATA ends (SMTP smuggling).
    if (!this.#normalises) this.#fail('bare-line-end');
    this.#giveLineEnd(next);
    this.#lineFrom = next;
    // Not LINE_START: a dot behind it was not stuffed, and must never end the data.
    this.#state = IN_LINE;
  }

  #giveLineEnd(next: number): void {
    if (this.#fault === null) this.#pieces.push(CRLF);
    this.#from = next;
  }

  #checkLine(octets: number): void {
    if (octets > this.#maxLineOctets) this.#fail('line-too-long');
  }

  #fail(fault: DataFault): void {
    this.#fault ??= fault;
  }

  #emit(chunk: Buffer, to: number): void {
    if (to > this.#from && this.#fault === null) this.#pieces.push(chunk.subarray(this.#from, to));
  }
}

/** The next octet that is CR or below it; the chunk's length if there is none. */
function skipText(chunk: Buffer, from: number): number {
  let at = from;
  while (at < chunk.length && (chunk[at] ?? 0) > CR) at += 1;
  return at;
}
