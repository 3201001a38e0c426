import { createPrivateKey, KeyObject, sign } from 'node:crypto';
import { type StructureSignature, signedStructure } from '@sallyport/der';

/** A private key as PEM text or loaded. */
export type PrivateKey = string | KeyObject;

export function loadKey(key: PrivateKey): KeyObject {
  return key instanceof KeyObject ? key : createPrivateKey(key);
}

interface StructureSigner {
  readonly name: StructureSignature;
  sign(bytes: Buffer): Buffer;
}

const EC_SIGNERS = {
  prime256v1: { name: 'ecdsa-sha256', hash: 'sha256' },
  secp384r1: { name: 'ecdsa-sha384', hash: 'sha384' },
  secp521r1: { name: 'ecdsa-sha512', hash: 'sha512' },
} as const;

/** A certificate or CRL that is composed and not signed yet, so that its signing can be recorded first. */
export interface UnsignedStructure {
  /** The bytes that will be signed: tbsCertificate or tbsCertList. */
  readonly tbs: Buffer;
  /** Uses the issuer's key. The whole structure is DER. */
  sign(): { readonly der: Buffer; readonly signature: Buffer };
}

export function unsignedStructure(tbs: Buffer, signer: StructureSigner): UnsignedStructure {
  return {
    tbs,
    sign: () => {
      const signature = signer.sign(tbs);
      return { der: signedStructure(tbs, signer.name, signature), signature };
    },
  };
}

/**
 * How a key signs certificates, CRLs and requests.
 *
 * @throws RangeError if the key does not sign (X25519, ML-KEM).
 */
export function structureSigner(key: KeyObject): StructureSigner {
  const type = key.asymmetricKeyType;
  if (type === 'rsa') {
    return { name: 'rsa-sha256', sign: (bytes) => sign('sha256', bytes, key) };
  }
  if (type === 'ed25519' || type === 'ml-dsa-65' || type === 'ml-dsa-87') {
    return { name: type, sign: (bytes) => sign(null, bytes, key) };
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === 'prime256v1' || curve === 'secp384r1' || curve === 'secp521r1') {
    const { name, hash } = EC_SIGNERS[curve];
    return { name, sign: (bytes) => sign(hash, bytes, key) };
  }
  throw new RangeError('a key of this kind does not sign certificates here');
}
