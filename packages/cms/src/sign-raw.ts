import { type KeyObject, sign } from 'node:crypto';
import {
  digestOf,
  pssSaltLength,
  type SignatureAlgorithmName,
  signatureKeyOptions,
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
  const family = algorithm.startsWith('rsa-pss-')
    ? 'rsa-pss'
    : algorithm.startsWith('rsa-')
      ? 'rsa'
      : 'ecdsa';
  return sign(digest, signedAttrs, { key, ...signatureKeyOptions(family, pssSaltLength(digest)) });
}
