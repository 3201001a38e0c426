/** mailauth keeps a line until its end; no mail that is read by people has such lines. */
const MAX_LINE_BYTES = 256 * 1024;
const LF = 0x0a;
const CR = 0x0d;

/** A body whose signatures are not looked at. */
export class LineFault extends Error {
  override readonly name = 'LineFault';
}

/** Sees that the lines of a body end with CRLF and end at all. */
export class LineWatch {
  #lineBytes = 0;
  #last = 0;

  /** @throws LineFault */
  see(bytes: Buffer): void {
    let from = 0;
    for (let lf = bytes.indexOf(LF); lf !== -1; lf = bytes.indexOf(LF, from)) {
      this.#grow(lf - from);
      // mailauth makes CRLF of it, and the next reader may not.
      const before = lf === 0 ? this.#last : bytes[lf - 1];
      if (before !== CR) throw new LineFault('a line ends without CR');
      this.#lineBytes = 0;
      from = lf + 1;
    }
    this.#grow(bytes.length - from);
    this.#last = bytes.at(-1) ?? this.#last;
  }

  #grow(octets: number): void {
    this.#lineBytes += octets;
    if (this.#lineBytes > MAX_LINE_BYTES) throw new LineFault('a line is too long');
  }
}
