import { createHash } from 'node:crypto';
import { asBuffer, type Content } from '@sallyport/mail';

const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const CRLF = Buffer.from('\r\n');
const OUT_BYTES = 64 * 1024;

/**
 * SHA-256 of a body in its relaxed form, in base64 (RFC 6376 sections 3.4.4 and 3.7). The body has
 * canonical line ends; it is read once, in constant memory.
 */
export async function relaxedBodyHash(body: Content): Promise<string> {
  const relaxed = new RelaxedBody();
  for await (const chunk of body.open()) relaxed.update(asBuffer(chunk));
  return relaxed.digest();
}

/** Takes a body piece by piece; where the pieces are cut makes no difference. */
class RelaxedBody {
  readonly #hash = createHash('sha256');
  readonly #out = Buffer.allocUnsafe(OUT_BYTES);
  #length = 0;
  /** Line ends that count only if something follows: empty lines at the end do not. */
  #lineEnds = 0;
  #space = false;
  #cr = false;
  #isEmpty = true;

  update(bytes: Buffer): void {
    for (const octet of bytes) {
      if (octet === LF && this.#cr) {
        this.#cr = false;
        this.#space = false;
        this.#lineEnds += 1;
        continue;
      }
      if (this.#cr) this.#content(CR);
      this.#cr = octet === CR;
      if (octet === SPACE || octet === TAB) this.#space = true;
      else if (octet !== CR) this.#content(octet);
    }
  }

  digest(): string {
    if (this.#cr) this.#content(CR);
    this.#flush();
    if (!this.#isEmpty) this.#hash.update(CRLF);
    return this.#hash.digest('base64');
  }

  #content(octet: number): void {
    this.#isEmpty = false;
    while (this.#lineEnds > 0) {
      this.#put(CR);
      this.#put(LF);
      this.#lineEnds -= 1;
    }
    if (this.#space) this.#put(SPACE);
    this.#space = false;
    this.#put(octet);
  }

  #put(octet: number): void {
    if (this.#length === OUT_BYTES) this.#flush();
    this.#out[this.#length] = octet;
    this.#length += 1;
  }

  #flush(): void {
    this.#hash.update(this.#out.subarray(0, this.#length));
    this.#length = 0;
  }
}
