import { createDecipheriv, createSecretKey } from 'node:crypto';
import { der, OID } from '@sallyport/der';
import type { UnwrapRecipient } from '@sallyport/ipc';

type Wrapped = Extract<UnwrapRecipient, { kind: 'kari' | 'kem' }>;

export const WRAPS = {
  aes128: { oid: OID.aes128Wrap, cipher: 'id-aes128-wrap', keyBytes: 16 },
  aes192: { oid: OID.aes192Wrap, cipher: 'id-aes192-wrap', keyBytes: 24 },
  aes256: { oid: OID.aes256Wrap, cipher: 'id-aes256-wrap', keyBytes: 32 },
} as const;
const WRAP_IV = Buffer.alloc(8, 0xa6); // RFC 3394 section 2.2.3.1
const WRAP_OVERHEAD_BYTES = 8;

/** The wrap's AlgorithmIdentifier; it has no parameters unless the message wrote NULL. */
export function wrapIdentifier({ wrap, wrapParameters }: Wrapped): Buffer {
  const parameters = wrapParameters === 'null' ? [der.null()] : [];
  return der.sequence(der.oid(WRAPS[wrap].oid), ...parameters);
}

/** `ukm` as both SharedInfo and CMSORIforKEMOtherInfo have it: `[0]` EXPLICIT, or nothing. */
export function ukmFields(ukm: Buffer | null): Buffer[] {
  return ukm === null ? [] : [der.explicit(0, der.octetString(ukm))];
}

/** The user keying material as it was sent. */
export function ukmOf({ ukm }: Wrapped): Buffer | null {
  return ukm === null ? null : Buffer.from(ukm, 'base64');
}

/**
 * Opens an AES key wrap (RFC 3394).
 *
 * @throws Error if the key does not fit, or what is inside has another length.
 */
export function openWrapped(recipient: Wrapped, kek: Buffer, keyBytes: number): Buffer {
  const encryptedKey = Buffer.from(recipient.encryptedKey, 'base64');
  if (encryptedKey.length !== keyBytes + WRAP_OVERHEAD_BYTES) {
    throw new Error('the wrapped key has another length');
  }
  const key = createSecretKey(kek);
  const decipher = createDecipheriv(WRAPS[recipient.wrap].cipher, key, WRAP_IV);
  return Buffer.concat([decipher.update(encryptedKey), decipher.final()]);
}
