import type { Decipheriv } from 'node:crypto';
import { type Content, MemoryContent, openPieces, SMALL_CONTENT_BYTES } from '@sallyport/mail';
import { type DecipherFacts, makeDecipher } from './content-cipher.ts';
import { decryptedContent } from './decrypted-content.ts';
import type { AuthEnvelopedDataView, EnvelopedDataView } from './views.ts';

export type Decrypted =
  | { readonly kind: 'ok'; readonly content: Content }
  | { readonly kind: 'failed' };

const FAILED: Decrypted = { kind: 'failed' };

/**
 * Decrypts the content with a content-encryption key. Wrong key, wrong padding, wrong tag and
 * unknown algorithm are one answer (RFC 3218). Nothing is given out before the tag has been
 * checked (RFC 8551 section 6); CBC has no tag, so there only an inner signature proves anything.
 *
 * Content that is not small is decrypted once to check it and again at each read; no more than a
 * piece of it is ever in memory. With `legacy` 3DES is worked out too.
 */
export async function decryptContent(
  view: EnvelopedDataView | AuthEnvelopedDataView,
  cek: Buffer,
  options: { readonly legacy?: boolean } = {},
): Promise<Decrypted> {
  const { contentEncryption, encryptedContent } = view;
  const facts: DecipherFacts = {
    contentEncryption,
    cek,
    ...('mac' in view ? { mac: view.mac, authAttrs: view.authAttrs } : {}),
    ...options,
  };
  const decipher = makeDecipher(facts);
  if (decipher === null) return FAILED;
  if (encryptedContent.sizeBytes <= SMALL_CONTENT_BYTES) {
    return await decryptSmall(encryptedContent, decipher);
  }
  let sizeBytes = 0;
  for await (const piece of openPieces(encryptedContent))
    sizeBytes += decipher.update(piece).length;
  const last = finish(decipher);
  if (last === null) return FAILED;
  sizeBytes += last.length;
  return { kind: 'ok', content: decryptedContent(encryptedContent, facts, sizeBytes) };
}

async function decryptSmall(encrypted: Content, decipher: Decipheriv): Promise<Decrypted> {
  const output: Buffer[] = [];
  for await (const piece of openPieces(encrypted)) output.push(decipher.update(piece));
  const last = finish(decipher);
  if (last === null) return FAILED;
  return { kind: 'ok', content: new MemoryContent(Buffer.concat([...output, last])) };
}

function finish(decipher: Decipheriv): Buffer | null {
  try {
    return decipher.final();
  } catch {
    return null; // padding or tag: node tells no more, and we do not ask
  }
}
