import {
  asBuffer,
  type Content,
  isRanged,
  loadSmall,
  MemoryContent,
  openRange,
  type RangedContent,
} from '@sallyport/mail';

const EQUALS = 0x3d;
const CR = 0x0d;
const LF = 0x0a;
/** Longer lines than any encoder makes are decoded as text without lines. */
const MAX_COLUMNS = 1_024;

const ALPHABET = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') {
  ALPHABET[char.charCodeAt(0)] = 1;
}

/**
 * The bytes behind base64 text (RFC 2045 section 6.8): octets that are not of the alphabet are
 * passed over, `=` ends. Longer text is decoded once for its size and again at each read; text in
 * lines of one length can then be entered anywhere.
 */
export async function base64Decoded(text: Content): Promise<Content> {
  const loaded = await loadSmall(text);
  if (loaded instanceof MemoryContent) return new MemoryContent(decodeWhole(loaded.bytes));
  const decoder = new Base64Decoder();
  let sizeBytes = 0;
  for await (const chunk of decoded(loaded, decoder)) sizeBytes += chunk.length;
  const open = (): AsyncIterable<Uint8Array> => decoded(loaded, new Base64Decoder());
  const { regular } = decoder;
  if (regular.lines === 0 || !isRanged(loaded)) return { sizeBytes, open };
  const ranged: RangedContent = {
    sizeBytes,
    open,
    openRange: (start, length) => decodedRange(loaded, regular, start, length),
  };
  return ranged;
}

function decodeWhole(bytes: Buffer): Buffer {
  const end = bytes.indexOf(EQUALS);
  const text = end === -1 ? bytes : bytes.subarray(0, end);
  return Buffer.from(isPlainBase64(text) ? text.toString('latin1') : significant(text), 'base64');
}

async function* decoded(text: Content, decoder: Base64Decoder): AsyncGenerator<Buffer> {
  for await (const chunk of text.open()) {
    for (const bytes of decoder.push(asBuffer(chunk))) if (bytes.length > 0) yield bytes;
    if (decoder.hasEnded) break;
  }
  const last = decoder.finish();
  if (last.length > 0) yield last;
}

/** Enters at the line that holds `start`. */
async function* decodedRange(
  text: RangedContent,
  regular: RegularLines,
  start: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  const lineBytes = (regular.columns / 4) * 3;
  const line = Math.min(Math.floor(start / lineBytes), regular.lines);
  const from = line * (regular.columns + regular.endBytes);
  const rest: Content = {
    sizeBytes: text.sizeBytes - from,
    open: () => text.openRange(from, text.sizeBytes - from),
  };
  const tail: Content = {
    sizeBytes: Number.MAX_SAFE_INTEGER,
    open: () => decoded(rest, new Base64Decoder()),
  };
  yield* openRange(tail, start - line * lineBytes, length);
}

// The decoder of Node passes over all that is not of the alphabet, except that it takes these two
// for `+` and `/`.
function isPlainBase64(text: Buffer): boolean {
  return text.indexOf(0x2d) === -1 && text.indexOf(0x5f) === -1;
}

/** The octets of the alphabet, as text. */
function significant(bytes: Buffer): string {
  const kept = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const octet = bytes[at] ?? 0;
    kept[length] = octet;
    length += ALPHABET[octet] ?? 0;
  }
  return kept.toString('latin1', 0, length);
}

/** The lines of one length that the text begins with. */
interface RegularLines {
  readonly columns: number;
  readonly endBytes: 1 | 2;
  readonly lines: number;
}

/**
 * Decodes piece by piece. Whole lines of one length are decoded at once, as every encoder makes
 * them; from the first that is otherwise on, octet by octet.
 */
class Base64Decoder {
  #columns = 0;
  #endBytes: 1 | 2 = 2;
  #lines = 0;
  #isRegular = true;
  /** Text of a line that has not ended. */
  #pending: Buffer = Buffer.alloc(0);
  /** Up to three octets of the alphabet, once the lines are not regular any more. */
  #carry = '';
  #ended = false;

  get hasEnded(): boolean {
    return this.#ended;
  }

  get regular(): RegularLines {
    return { columns: this.#columns, endBytes: this.#endBytes, lines: this.#lines };
  }

  *push(chunk: Buffer): Generator<Buffer> {
    if (this.#ended) return;
    if (!this.#isRegular) {
      yield this.#decodeOctets(chunk);
      return;
    }
    if (this.#pending.length === 0) {
      yield this.#decodeText(chunk);
      return;
    }
    // Only the line that the last chunk broke off is joined: what is copied is garbage at once.
    const stride = this.#columns + this.#endBytes;
    const missing = this.#columns === 0 ? chunk.length : stride - this.#pending.length;
    yield this.#decodeText(Buffer.concat([this.#pending, chunk.subarray(0, missing)]));
    if (missing < chunk.length) yield* this.push(chunk.subarray(missing));
  }

  #decodeText(text: Buffer): Buffer {
    if (this.#columns === 0 && !this.#measureLine(text)) return Buffer.alloc(0);
    if (this.#columns > 0) {
      const lines = this.#decodeLines(text);
      if (lines !== null) return lines;
    }
    this.#isRegular = false;
    this.#pending = Buffer.alloc(0);
    return this.#decodeOctets(text);
  }

  finish(): Buffer {
    const rest = this.#decodeOctets(this.#pending);
    const last = Buffer.from(this.#carry, 'base64');
    return rest.length === 0 ? last : Buffer.concat([rest, last]);
  }

  /** Learns the line length; false while the first line has not ended and may yet be regular. */
  #measureLine(text: Buffer): boolean {
    const lf = text.indexOf(LF);
    if (lf === -1 && text.length <= MAX_COLUMNS) {
      this.#pending = text;
      return false;
    }
    const endBytes = lf > 0 && text[lf - 1] === CR ? 2 : 1;
    const columns = lf + 1 - endBytes;
    if (columns > 0 && columns % 4 === 0 && columns <= MAX_COLUMNS) {
      this.#columns = columns;
      this.#endBytes = endBytes;
    }
    return true;
  }

  /** Null if the text is not in lines of the known length. */
  #decodeLines(text: Buffer): Buffer | null {
    const stride = this.#columns + this.#endBytes;
    const count = Math.floor(text.length / stride);
    const block = text.subarray(0, count * stride);
    if (block.indexOf(EQUALS) !== -1 || !isPlainBase64(block)) return null;
    for (let at = this.#columns; at < block.length; at += stride) {
      if (block[at + this.#endBytes - 1] !== LF) return null;
      if (this.#endBytes === 2 && block[at] !== CR) return null;
    }
    const bytes = Buffer.from(block.toString('latin1'), 'base64');
    // Shorter: among the columns stood octets that were passed over.
    if (bytes.length !== count * (this.#columns / 4) * 3) return null;
    this.#lines += count;
    this.#pending = text.subarray(block.length);
    return bytes;
  }

  #decodeOctets(chunk: Buffer): Buffer {
    if (this.#ended) return Buffer.alloc(0);
    const equals = chunk.indexOf(EQUALS);
    this.#ended = equals !== -1;
    const text = this.#carry + significant(equals === -1 ? chunk : chunk.subarray(0, equals));
    const whole = text.length - (text.length % 4);
    this.#carry = text.slice(whole);
    return Buffer.from(text.slice(0, whole), 'base64');
  }
}
