import {
  constants,
  createPublicKey,
  decapsulate,
  diffieHellman,
  type KeyObject,
  privateDecrypt,
} from 'node:crypto';
import { der } from '@sallyport/der';
import { never } from '@sallyport/mail';
import { CURVES } from './algorithms-keys.ts';
import { aesUnwrap, agreedKek, kemKek } from './key-derivation.ts';
import { decodeOaep } from './oaep.ts';
import type { RecipientKey } from './views.ts';

/**
 * A content-encryption key with a private key at hand: for tests and the offline commands of the
 * CLI. In the services only keyholder unwraps, and there no failure can be told from another.
 *
 * @throws Error if the key does not open it.
 */
export function unwrapRaw(recipient: RecipientKey, key: KeyObject): Buffer {
  switch (recipient.kind) {
    case 'ktri':
      return unwrapTransport(recipient, key);
    case 'kari': {
      const { curve, originatorPublicKey, kdf, wrap, encryptedKey } = recipient;
      const spki = der.sequence(CURVES[curve].keyAlgorithm, der.bitString(originatorPublicKey));
      const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
      const shared = diffieHellman({ privateKey: key, publicKey });
      return aesUnwrap(wrap, agreedKek(kdf, { ...recipient, shared }), encryptedKey);
    }
    case 'kem': {
      const shared = decapsulate(key, recipient.ciphertext);
      const kek = kemKek(recipient.kdf.hash, { ...recipient, shared });
      return aesUnwrap(recipient.wrap, kek, recipient.encryptedKey);
    }
    default:
      return never(recipient);
  }
}

function unwrapTransport(
  { algorithm, encryptedKey }: Extract<RecipientKey, { kind: 'ktri' }>,
  key: KeyObject,
): Buffer {
  if (algorithm.kind === 'pkcs1v15') {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, encryptedKey);
  }
  const encoded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encryptedKey);
  return decodeOaep(encoded, algorithm);
}
