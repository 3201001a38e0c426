import { constants, type KeyObject, privateDecrypt } from 'node:crypto';
import type { UnwrapRecipient } from '@sallyport/ipc';
import { type Unpadded, unpadOaep, unpadPkcs1v15 } from './rsa-unpad.ts';

export type Ktri = Extract<UnwrapRecipient, { kind: 'ktri' }>;

/** Stands in for a value that RSA cannot take, so that the same work is done. */
const INSTEAD = 2;

/**
 * Opens an RSA encryptedKey. The padding is taken off here, in constant time and for the one length
 * that is right: Node's own implicit rejection returns keys of varying length.
 */
export function unwrapRsa(privateKey: KeyObject, recipient: Ktri, keyBytes: number): Unpadded {
  const modulusBytes = (privateKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  const encryptedKey = Buffer.from(recipient.encryptedKey, 'base64');
  const fits = encryptedKey.length === modulusBytes; // RFC 8017 section 7.2.2 step 1
  const opened = fits ? decryptRaw(privateKey, encryptedKey) : null;
  const encoded =
    opened ?? decryptRaw(privateKey, small(modulusBytes)) ?? Buffer.alloc(modulusBytes);
  const unpadded = takePaddingOff(encoded, recipient, keyBytes);
  return { key: unpadded.key, good: unpadded.good & (opened === null ? 0 : 1) };
}

/** Takes the recipient's padding off a block of RSADP, in constant time. */
export function takePaddingOff(
  encoded: Buffer,
  { algorithm }: Pick<Ktri, 'algorithm'>,
  keyBytes: number,
): Unpadded {
  if (algorithm.kind === 'pkcs1v15') return unpadPkcs1v15(encoded, keyBytes);
  const { hash, mgf1Hash } = algorithm;
  return unpadOaep(encoded, keyBytes, {
    hash,
    mgf1Hash,
    label: Buffer.from(algorithm.label, 'base64'),
  });
}

/** RSADP (RFC 8017 section 5.1.2); null for a value at or above the modulus. */
function decryptRaw(privateKey: KeyObject, value: Buffer): Buffer | null {
  try {
    return privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, value);
  } catch {
    return null;
  }
}

/** A value that every key takes. */
export function small(modulusBytes: number): Buffer {
  const value = Buffer.alloc(modulusBytes);
  value[modulusBytes - 1] = INSTEAD;
  return value;
}
