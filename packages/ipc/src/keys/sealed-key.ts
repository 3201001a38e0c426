import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { KeyRecord } from '../protocols/key-record.ts';
import { base64Schema } from '../protocols/values.ts';
import { KeyFileFault } from './key-file-fault.ts';
import { type SealDerivation, type SealingSecret, sealDerivationSchema } from './sealing-secret.ts';

const FORMAT = 'sallyport-sealed-key';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** An ML-DSA-87 key in PKCS#8 has under 5 KiB. */
const MAX_PKCS8_BYTES = 32 * 1024;

/** The facts of a record that a sealed file belongs to: under another record it does not open. */
export type SealedKeyFacts = Pick<KeyRecord, 'keyId' | 'class' | 'algorithm'>;

/** One sealed private key: PKCS#8 in DER under AES-256-GCM (RFC 5958, SP 800-38D). */
const sealedKeySchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  cipher: z.literal(CIPHER),
  derivation: sealDerivationSchema,
  nonce: base64Schema(NONCE_BYTES).length(16),
  /** The tag comes last. */
  sealed: base64Schema(MAX_PKCS8_BYTES + TAG_BYTES).min(32),
});
type SealedKey = z.infer<typeof sealedKeySchema>;

/** True if a private key file is sealed; others are PKCS#8 in PEM. */
export function isSealedKey(text: string): boolean {
  return text.trimStart().startsWith('{');
}

/** @throws SyntaxError or ZodError if it is no sealed key. */
export function parseSealedKey(text: string): SealedKey {
  return sealedKeySchema.parse(JSON.parse(text));
}

/** Seals a private key for its record; `like` is another sealed file of the same folder. */
export async function sealKey(
  pkcs8: Buffer,
  facts: SealedKeyFacts,
  how: { readonly secret: SealingSecret; readonly like: SealDerivation | null },
): Promise<string> {
  const derivation = how.secret.newDerivation(how.like);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, await how.secret.key(derivation), nonce);
  cipher.setAAD(associated(facts));
  const sealed = Buffer.concat([cipher.update(pkcs8), cipher.final(), cipher.getAuthTag()]);
  const file: SealedKey = {
    format: FORMAT,
    version: 1,
    cipher: CIPHER,
    derivation,
    nonce: nonce.toString('base64'),
    sealed: sealed.toString('base64'),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * Opens a sealed key.
 *
 * @throws KeyFileFault if it does not open: changed, of another record, or under another secret.
 * @throws SyntaxError or ZodError if it is no sealed key.
 */
export async function openSealedKey(
  text: string,
  facts: SealedKeyFacts,
  secret: SealingSecret,
): Promise<Buffer> {
  const { derivation, nonce, sealed } = parseSealedKey(text);
  const key = await secret.key(derivation);
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv(CIPHER, key, Buffer.from(nonce, 'base64'), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associated(facts));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new KeyFileFault('does not open: it was changed, or sealed for another key or secret');
  }
}

// A file put in the place of another, or under a record that says another class, must not open.
// How the key was derived need not be here: another derivation is another key.
function associated(facts: SealedKeyFacts): Buffer {
  const { keyId, class: keyClass, algorithm } = facts;
  return Buffer.from(JSON.stringify([FORMAT, 1, CIPHER, keyId, keyClass, algorithm]));
}
