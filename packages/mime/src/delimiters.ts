import { asBuffer, type Content } from '@sallyport/mail';

/** One delimiter line of a multipart body. */
export interface Delimiter {
  /** Where the part before it ends: at the CRLF that belongs to the delimiter. */
  readonly start: number;
  /** The offset after its own line end. */
  readonly end: number;
  readonly closing: boolean;
}

export interface DelimiterOptions {
  readonly maxDelimiters: number;
  /** Bare LF ends lines too. */
  readonly lenient: boolean;
}

const MAX_PADDING = 1000;
const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;

/**
 * The delimiter lines up to the closing one, in one pass and with a window of one chunk.
 *
 * A line counts only if nothing but white space follows the boundary: with outer boundary `a` and
 * inner boundary `ab`, a match of the beginning alone would cut inner parts into pieces.
 *
 * @returns null if there are more than `maxDelimiters`.
 */
export async function findDelimiters(
  body: Content,
  boundary: string,
  options: DelimiterOptions,
): Promise<Delimiter[] | null> {
  const scanner = new Scanner(boundary, options);
  for await (const chunk of body.open()) {
    if (!scanner.add(asBuffer(chunk))) break;
  }
  scanner.finish();
  return scanner.found.length > options.maxDelimiters ? null : scanner.found;
}

class Scanner {
  readonly found: Delimiter[] = [];
  readonly #needle: Buffer;
  readonly #options: DelimiterOptions;
  #window: Buffer = Buffer.alloc(0);
  /** Offset of the window in the body. */
  #offset = 0;
  /** Where in the window to go on looking. */
  #from = 0;
  #over = false;

  constructor(boundary: string, options: DelimiterOptions) {
    this.#needle = Buffer.from(`--${boundary}`, 'latin1');
    this.#options = options;
  }

  /** False when no more need be read. */
  add(chunk: Buffer): boolean {
    this.#window = this.#window.length === 0 ? chunk : Buffer.concat([this.#window, chunk]);
    this.#scan(false);
    return !this.#over;
  }

  finish(): void {
    this.#scan(true);
  }

  #scan(last: boolean): void {
    const window = this.#window;
    const reach = this.#needle.length + 4 + MAX_PADDING;
    let keep = Math.max(window.length - this.#needle.length + 1, this.#from);
    while (!this.#over) {
      const at = window.indexOf(this.#needle, this.#from);
      if (at === -1) break;
      if (!last && at + reach > window.length) {
        keep = at;
        break;
      }
      this.#from = at + 1;
      this.#take(at);
      keep = Math.max(keep, this.#from);
    }
    if (last) return;
    // Two more octets: the line end before a delimiter belongs to it.
    const cut = Math.max(Math.min(keep, window.length) - 2, 0);
    this.#from = Math.max(Math.min(keep, window.length) - cut, 0);
    this.#window = window.subarray(cut);
    this.#offset += cut;
  }

  #take(at: number): void {
    const start = this.#lineStart(at);
    if (start === -1) return;
    let end = at + this.#needle.length;
    const closing = this.#window[end] === DASH && this.#window[end + 1] === DASH;
    if (closing) end += 2;
    const after = this.#lineEnd(end);
    if (after === -1) return;
    this.found.push({ start: this.#offset + start, end: this.#offset + after, closing });
    this.#over = closing || this.found.length > this.#options.maxDelimiters;
  }

  /** Where the delimiter begins with its preceding line end; -1 if it stands within a line. */
  #lineStart(at: number): number {
    if (at === 0) return this.#offset === 0 ? 0 : -1;
    if (this.#window[at - 1] !== LF) return -1;
    if (this.#window[at - 2] === CR) return at - 2;
    return this.#options.lenient ? at - 1 : -1;
  }

  /** The offset after the line end; -1 if other text stands before it. */
  #lineEnd(from: number): number {
    const limit = from + MAX_PADDING;
    let at = from;
    while (at < limit && (this.#window[at] === 0x20 || this.#window[at] === 0x09)) at += 1;
    if (at >= this.#window.length) return at;
    if (this.#window[at] === CR && this.#window[at + 1] === LF) return at + 2;
    return this.#options.lenient && this.#window[at] === LF ? at + 1 : -1;
  }
}
