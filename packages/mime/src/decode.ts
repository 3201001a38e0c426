import { asBuffer, type Content, loadSmall, MemoryContent } from '@sallyport/mail';
import { base64Decoded } from './base64-decode.ts';
import { transferEncoding } from './content-type.ts';
import type { Entity } from './entity.ts';
import { QuotedPrintableDecoder } from './quoted-printable.ts';

/** Turns a transfer form into another, piece by piece. */
export interface Transform {
  push(chunk: Buffer): Buffer;
  finish(): Buffer;
}

/**
 * The body without its base64 or quoted-printable (RFC 2045 section 6); of other encodings as it
 * is. Octets that are not of the alphabet are passed over. Larger bodies are decoded once for
 * their size and again at each read.
 */
export async function decodeBody(entity: Entity): Promise<Content> {
  switch (transferEncoding(entity)) {
    case 'base64':
      return await base64Decoded(entity.body);
    case 'quoted-printable':
      return await transformContent(entity.body, () => new QuotedPrintableDecoder());
    default:
      return entity.body;
  }
}

/** Content in another form; its size is counted by a pass of its own unless it is small. */
export async function transformContent(body: Content, make: () => Transform): Promise<Content> {
  const loaded = await loadSmall(body);
  if (loaded instanceof MemoryContent) {
    const transform = make();
    const first = transform.push(loaded.bytes);
    const last = transform.finish();
    return new MemoryContent(last.length === 0 ? first : Buffer.concat([first, last]));
  }
  let sizeBytes = 0;
  for await (const chunk of transformed(loaded, make())) sizeBytes += chunk.length;
  return { sizeBytes, open: () => transformed(loaded, make()) };
}

async function* transformed(body: Content, transform: Transform): AsyncGenerator<Buffer> {
  for await (const chunk of body.open()) {
    const bytes = transform.push(asBuffer(chunk));
    if (bytes.length > 0) yield bytes;
  }
  const last = transform.finish();
  if (last.length > 0) yield last;
}
