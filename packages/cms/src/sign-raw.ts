import { type KeyObject, sign } from 'node:crypto';
import {
  digestOf,
  familyOf,
  pssSaltLength,
  type SignatureAlgorithmName,
  signatureCall,
} from './algorithms.ts';

/**
 * Signs SignedAttributes with a key at hand: for tests and the offline signer of the CLI. In the
 * services only keyholder signs.
 */
export function signRaw(
  signedAttrs: Buffer,
  key: KeyObject,
  algorithm: SignatureAlgorithmName,
): Buffer {
  const digest = digestOf(algorithm);
  const call = signatureCall(familyOf(algorithm), digest, pssSaltLength(digest));
  return sign(call.digest, signedAttrs, { key, ...call.options });
}
