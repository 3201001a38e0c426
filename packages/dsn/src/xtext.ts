/**
 * xtext without its encoding: the fields of a report are not in it (RFC 3461 section 6.3). Octets
 * that may not have been encoded (RFC 3461 section 4.4: printable US-ASCII) stay as they came.
 */
export function decodeXtext(text: string): string {
  return text.replaceAll(/\+([2-6][0-9A-F]|7[0-9A-E])/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** An ORCPT as Original-Recipient has it; the utf-8 type has an encoding of its own (RFC 6533 section 3). */
export function decodeOriginalRecipient(orcpt: string): string {
  return /^utf-8;/i.test(orcpt) ? orcpt : decodeXtext(orcpt);
}
