import type { Content } from '@sallyport/mail';
import { transferEncoding } from './content-type.ts';
import type { Entity } from './entity.ts';
import { QuotedPrintableDecoder } from './quoted-printable.ts';
import { asBuffer, loadSmall, MemoryContent } from './slice.ts';

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
      return await transformContent(entity.body, () => new Base64Decoder());
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

const EQUALS = 0x3d;
const ALPHABET = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') {
  ALPHABET[char.charCodeAt(0)] = 1;
}

/** RFC 2045 section 6.8: what is not of the alphabet is passed over, `=` ends. */
class Base64Decoder {
  #carry = '';
  #ended = false;

  push(chunk: Buffer): Buffer {
    if (this.#ended) return Buffer.alloc(0);
    const equals = chunk.indexOf(EQUALS);
    this.#ended = equals !== -1;
    const text = this.#carry + significant(equals === -1 ? chunk : chunk.subarray(0, equals));
    const whole = text.length - (text.length % 4);
    this.#carry = text.slice(whole);
    return Buffer.from(whole === text.length ? text : text.slice(0, whole), 'base64');
  }

  finish(): Buffer {
    return Buffer.from(this.#carry, 'base64');
  }
}

function significant(bytes: Buffer): string {
  const kept = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (const octet of bytes) {
    kept[length] = octet;
    length += ALPHABET[octet] ?? 0;
  }
  return kept.toString('latin1', 0, length);
}
