import { asBuffer, type Content, MemoryContent, openPieces } from '@sallyport/mail';

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
  encodeInto(out, 0, bytes);
  return out;
}

/** @returns the offset after the last line. */
function encodeInto(out: Buffer, start: number, bytes: Buffer): number {
  const text = bytes.toString('base64');
  const end = start + base64Size(bytes.length);
  // The unbroken text goes to the end of its place, then its lines move forward: a line's new
  // place never lies beyond its old one, so nothing is overwritten before it has moved.
  let from = end - text.length;
  out.write(text, from, 'latin1');
  let at = start;
  while (from < end) {
    const to = Math.min(from + LINE_COLUMNS, end);
    out.copyWithin(at, from, to);
    at += to - from;
    out[at] = 0x0d;
    out[at + 1] = 0x0a;
    at += 2;
    from = to;
  }
  return end;
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
  for await (const piece of openPieces(content)) {
    const bytes = asBuffer(piece);
    const total = rest.length + bytes.length;
    const whole = total - (total % LINE_BYTES);
    if (whole === 0) {
      rest = Buffer.concat([rest, bytes]);
      continue;
    }
    const out = Buffer.allocUnsafe(base64Size(whole));
    let at = 0;
    let from = 0;
    // Only the line that the last piece broke off is joined: what is copied is garbage at once.
    if (rest.length > 0) {
      from = LINE_BYTES - rest.length;
      at = encodeInto(out, 0, Buffer.concat([rest, bytes.subarray(0, from)]));
    }
    const to = bytes.length - (total % LINE_BYTES);
    encodeInto(out, at, bytes.subarray(from, to));
    yield out;
    rest = bytes.subarray(to);
  }
  if (rest.length > 0) yield encodeBase64(rest);
}
