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

/** Reads the content once. Bytes with a bare CR or LF never get onto the wire. */
export async function inspectContent(content: Content): Promise<ContentFacts> {
  let state = { previous: LF, isEightBit: false, isHeader: true, hasEightBitHeader: false };
  let emptyRun = 1; // line ends in a row: two end the header section
  let hasBareLineEnd = false;
  for await (const chunk of content.open()) {
    let { previous, isEightBit, isHeader, hasEightBitHeader } = state;
    for (const octet of chunk) {
      if (octet > 127) {
        isEightBit = true;
        hasEightBitHeader ||= isHeader;
      }
      if ((octet === LF) !== (previous === CR)) {
        // Only the start of the content has a line feed before it that was never sent.
        hasBareLineEnd = true;
      }
      if (isHeader) {
        if (octet === LF) {
          emptyRun += 1;
          if (emptyRun === 2) isHeader = false;
        } else if (octet !== CR) emptyRun = 0;
      }
      previous = octet;
    }
    state = { previous, isEightBit, isHeader, hasEightBitHeader };
  }
  if (state.previous === CR) hasBareLineEnd = true;
  return {
    sizeBytes: content.sizeBytes,
    isEightBit: state.isEightBit,
    hasEightBitHeader: state.hasEightBitHeader,
    hasBareLineEnd,
  };
}
