import type { Content } from '@sallyport/mail';
import { asBuffer, MemoryContent } from './slice.ts';

const LINE_BYTES = 57; // 76 columns, RFC 2045 section 6.8
const LINE_COLUMNS = 76;
const BLOCK_BYTES = LINE_BYTES * 1024;

/** Octets of the base64 form in lines of 76 columns, each ended by CRLF. */
export function base64Size(sizeBytes: number): number {
  const columns = 4 * Math.ceil(sizeBytes / 3);
  return columns + 2 * Math.ceil(columns / LINE_COLUMNS);
}

/** Base64 in lines of 76 columns, each ended by CRLF (RFC 2045 section 6.8). */
export function encodeBase64(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(base64Size(bytes.length));
  const text = bytes.toString('base64');
  // The unbroken text goes to the end of the buffer, then its lines move forward: a line's new
  // place never lies beyond its old one, so nothing is overwritten before it has moved.
  let from = out.length - text.length;
  out.write(text, from, 'latin1');
  let at = 0;
  while (from < out.length) {
    const to = Math.min(from + LINE_COLUMNS, out.length);
    out.copyWithin(at, from, to);
    at += to - from;
    out[at] = 0x0d;
    out[at + 1] = 0x0a;
    at += 2;
    from = to;
  }
  return out;
}

/** Content in base64: 76 columns, CRLF after every line; its size is known by arithmetic. */
export function base64Content(content: Content): Content {
  return {
    sizeBytes: base64Size(content.sizeBytes),
    open: () =>
      content instanceof MemoryContent && content.sizeBytes <= BLOCK_BYTES
        ? new MemoryContent(encodeBase64(content.bytes)).open()
        : encodeChunks(content),
  };
}

async function* encodeChunks(content: Content): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of content.open()) {
    let bytes = asBuffer(chunk);
    if (rest.length > 0) {
      bytes = Buffer.concat([rest, bytes]);
      rest = Buffer.alloc(0);
    }
    const whole = bytes.length - (bytes.length % LINE_BYTES);
    for (let at = 0; at < whole; at += BLOCK_BYTES) {
      yield encodeBase64(bytes.subarray(at, Math.min(at + BLOCK_BYTES, whole)));
    }
    if (whole < bytes.length) rest = bytes.subarray(whole);
  }
  if (rest.length > 0) yield encodeBase64(rest);
}
