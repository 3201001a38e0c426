import type { Content } from '@sallyport/mail';

const LF = 10;
const DOT = 46;
const LINE_DOT = Buffer.from('\n.');
const DOT_BYTE = Buffer.from('.');

/**
 * The content as mail data: a dot more where a line starts with one (RFC 5321 section 4.5.2), and
 * `CR LF . CR LF` at the end. The content must have CR LF line ends only (`inspectContent`).
 */
export async function* mailData(content: Content): AsyncGenerator<Uint8Array> {
  let isLineStart = true;
  let block: Buffer | null = null;
  for await (const chunk of content.open()) {
    if (chunk.length === 0) continue;
    if (block !== null) yield block;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    block = stuffed(bytes, isLineStart);
    isLineStart = bytes[bytes.length - 1] === LF;
  }
  // In one piece with the last block: a small message is one write, and one packet less.
  const end = Buffer.from(isLineStart ? '.\r\n' : '\r\n.\r\n');
  yield block === null ? end : Buffer.concat([block, end]);
}

function stuffed(bytes: Buffer, isLineStart: boolean): Buffer {
  const parts: Buffer[] = [];
  if (isLineStart && bytes[0] === DOT) parts.push(DOT_BYTE);
  let from = 0;
  for (let at = bytes.indexOf(LINE_DOT); at !== -1; at = bytes.indexOf(LINE_DOT, at + 2)) {
    parts.push(bytes.subarray(from, at + 1), DOT_BYTE);
    from = at + 1;
  }
  if (parts.length === 0) return bytes;
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}
