import { asBuffer, type Content } from '@sallyport/mail';

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
const LINE_END = Buffer.from('\r\n');
/** As much as the header section of an attached message may have. */
const BODY_BYTES = 1024 * 1024;

/**
 * The message without most of its long bodies, for a reader that keeps texts in memory and looks
 * for names alone. Whatever may be a delimiter line stays, with the header section after it and the
 * first mebibyte of the body; so does all of a message that has no longer body.
 */
export async function* shortened(content: Content): AsyncGenerator<Buffer> {
  const shortener = new Shortener();
  for await (const chunk of content.open()) {
    const kept = shortener.push(asBuffer(chunk));
    if (kept.length > 0) yield kept;
  }
  const last = shortener.finish();
  if (last.length > 0) yield last;
}

class Shortener {
  #isHeader = true;
  /** Octets of the current body that are still kept. */
  #left = BODY_BYTES;
  #isLineStart = true;
  /** A dash that begins a line at the end of a chunk. */
  #held: Buffer = Buffer.alloc(0);
  /** The last line that was kept lost its end. */
  #isBroken = false;
  #isOpenLine = false;

  push(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    const kept: Buffer[] = [];
    for (let from = 0; from < bytes.length; ) {
      if (this.#isLineStart && from === bytes.length - 1 && bytes[from] !== LF) {
        this.#held = bytes.subarray(from);
        break;
      }
      const lf = bytes.indexOf(LF, from);
      const to = lf === -1 ? bytes.length : lf + 1;
      this.#take(bytes.subarray(from, to), lf !== -1, kept);
      from = to;
    }
    return Buffer.concat(kept);
  }

  finish(): Buffer {
    const kept: Buffer[] = [];
    if (this.#held.length > 0) this.#take(this.#held, false, kept);
    return Buffer.concat(kept);
  }

  /** A line, or a part of one. */
  #take(piece: Buffer, ends: boolean, kept: Buffer[]): void {
    if (this.#isLineStart && piece[0] === DASH && piece[1] === DASH) {
      this.#isHeader = true;
      this.#left = BODY_BYTES;
    } else if (this.#isLineStart && this.#isHeader && isEmptyLine(piece)) this.#isHeader = false;
    else if (!this.#isHeader) this.#left -= piece.length;
    this.#isLineStart = ends;
    if (this.#isHeader || this.#left >= 0) {
      if (this.#isBroken) kept.push(LINE_END);
      this.#isBroken = false;
      this.#isOpenLine = !ends;
      kept.push(piece);
      return;
    }
    // A delimiter that follows must begin a line.
    this.#isBroken ||= this.#isOpenLine;
    this.#isOpenLine = false;
  }
}

function isEmptyLine(piece: Buffer): boolean {
  return piece[0] === LF || (piece[0] === CR && piece[1] === LF);
}
