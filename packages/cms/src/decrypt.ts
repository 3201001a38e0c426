import { type CipherGCMTypes, createDecipheriv, type Decipheriv } from 'node:crypto';
import type { Content } from '@sallyport/mail';
import { CONTENT_ALGORITHMS } from './algorithms.ts';
import { pieces, slicesContent } from './pieces.ts';
import type { AuthEnvelopedDataView, EnvelopedDataView } from './views.ts';

export type Decrypted =
  | { readonly kind: 'ok'; readonly content: Content }
  | { readonly kind: 'failed' };

const FAILED: Decrypted = { kind: 'failed' };

/**
 * Decrypts the content with a content-encryption key. Wrong key, wrong padding, wrong tag and
 * unknown algorithm are one answer (RFC 3218). Nothing is given out before the tag has been
 * checked (RFC 8551 section 6); CBC has no tag, so there only an inner signature proves anything.
 */
export async function decryptContent(
  view: EnvelopedDataView | AuthEnvelopedDataView,
  cek: Buffer,
): Promise<Decrypted> {
  const decipher = decipherFor(view, cek);
  if (decipher === null) return FAILED;
  const output: Buffer[] = [];
  for await (const piece of pieces(view.encryptedContent)) {
    const plain = decipher.update(piece);
    if (plain.length > 0) output.push(plain);
  }
  try {
    output.push(decipher.final());
  } catch {
    return FAILED; // padding or tag: node tells no more, and we do not ask
  }
  return { kind: 'ok', content: slicesContent(output) };
}

function decipherFor(
  view: EnvelopedDataView | AuthEnvelopedDataView,
  cek: Buffer,
): Decipheriv | null {
  const { name, iv, keyBytes, tagBytes } = view.contentEncryption;
  if (name === null || iv === null || cek.length !== keyBytes) return null;
  const { cipher, mode } = CONTENT_ALGORITHMS[name];
  if (mode === 'cbc') return createDecipheriv(cipher, cek, iv);
  if (!('mac' in view) || tagBytes === undefined || view.mac.length !== tagBytes) return null;
  const options = { authTagLength: tagBytes };
  const decipher = createDecipheriv(cipher as CipherGCMTypes, cek, iv, options);
  decipher.setAuthTag(view.mac);
  if (view.authAttrs !== null) decipher.setAAD(view.authAttrs);
  return decipher;
}
