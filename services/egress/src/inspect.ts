import { isAscii } from 'node:buffer';
import type { Content } from '@sallyport/mail';

/** What a transaction must know of the bytes before it sends the first one. */
export interface ContentFacts {
  readonly sizeBytes: number;
  /** An octet above 127 anywhere: needs 8BITMIME (RFC 6152). */
  readonly isEightBit: boolean;
  /** An octet above 127 in the header section: needs SMTPUTF8 where it was asked for (RFC 6531). */
  readonly hasEightBitHeader: boolean;
  /** A CR or LF that stands alone would let the next hop see another end of data. */
  readonly hasBareLineEnd: boolean;
}

const CR = 13;
const LF = 10;
const HEADER_END = Buffer.from('\r\n\r\n');

/** Reads the content once. Bytes with a bare CR or LF never get onto the wire. */
export async function inspectContent(content: Content): Promise<ContentFacts> {
  const header = new HeaderScan();
  let previous = 0;
  let isEightBit = false;
  let hasBareLineEnd = false;
  for await (const chunk of content.open()) {
    if (chunk.length === 0) continue;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    header.push(bytes);
    isEightBit ||= !isAscii(bytes);
    hasBareLineEnd ||= hasBareEnd(bytes, previous);
    previous = bytes[bytes.length - 1] ?? 0;
  }
  return {
    sizeBytes: content.sizeBytes,
    isEightBit,
    hasEightBitHeader: header.isEightBit,
    hasBareLineEnd: hasBareLineEnd || previous === CR,
  };
}

/** `previous` is the octet before the first one. A CR at the end is left to the next chunk. */
function hasBareEnd(bytes: Buffer, previous: number): boolean {
  if (previous === CR && bytes[0] !== LF) return true;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if ((at === 0 ? previous : bytes[at - 1]) !== CR) return true;
  }
  for (let at = bytes.indexOf(CR); at !== -1; at = bytes.indexOf(CR, at + 1)) {
    if (at + 1 < bytes.length && bytes[at + 1] !== LF) return true;
  }
  return false;
}

/** Looks for octets above 127 up to the empty line. */
class HeaderScan {
  #isOver = false;
  #tail: Buffer = Buffer.alloc(0);
  isEightBit = false;

  push(bytes: Buffer): void {
    if (this.#isOver) return;
    const joined = Buffer.concat([this.#tail, bytes]);
    const end = joined.indexOf(HEADER_END);
    this.#isOver = end !== -1;
    this.isEightBit ||= !isAscii(this.#isOver ? joined.subarray(0, end) : joined);
    this.#tail = joined.subarray(Math.max(0, joined.length - 3));
  }
}
