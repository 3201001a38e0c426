import { decapsulate, hkdfSync, type KeyObject } from 'node:crypto';
import { der } from '@sallyport/der';
import type { UnwrapRecipient } from '@sallyport/ipc';
import { openWrapped, ukmFields, ukmOf, WRAPS, wrapIdentifier } from './key-wrap.ts';

type Kem = Extract<UnwrapRecipient, { kind: 'kem' }>;

/** RFC 9936 Appendix B. */
const CIPHERTEXT_BYTES: Readonly<Record<Kem['set'], number>> = {
  'ml-kem-512': 768,
  'ml-kem-768': 1088,
  'ml-kem-1024': 1568,
};

/**
 * Opens an encryptedKey of a KEM (RFC 9629 section 5, RFC 9936 section 2.2). A changed ciphertext
 * does not fail here: ML-KEM answers with another secret, and the key wrap does not open.
 *
 * @throws Error if anything fails; the caller makes a rejection of it.
 */
export function unwrapKem(
  privateKey: KeyObject,
  { recipient, keyBytes }: { readonly recipient: Kem; readonly keyBytes: number },
): Buffer {
  const { set, wrap, kdf } = recipient;
  if (privateKey.asymmetricKeyType !== set) throw new Error('the key is of another set');
  const ciphertext = Buffer.from(recipient.ciphertext, 'base64');
  if (ciphertext.length !== CIPHERTEXT_BYTES[set])
    throw new Error('the ciphertext has another length');
  const shared = decapsulate(privateKey, ciphertext);
  const { keyBytes: kekBytes } = WRAPS[wrap];
  const otherInfo = composeOtherInfo(recipient);
  const kek = Buffer.from(hkdfSync(kdf.hash, shared, Buffer.alloc(0), otherInfo, kekBytes));
  return openWrapped(recipient, kek, keyBytes);
}

/** RFC 9629 section 5: CMSORIforKEMOtherInfo; the length is in octets. */
function composeOtherInfo(recipient: Kem): Buffer {
  return der.sequence(
    wrapIdentifier(recipient),
    der.integer(WRAPS[recipient.wrap].keyBytes),
    ...ukmFields(ukmOf(recipient)),
  );
}
