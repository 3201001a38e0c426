import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Tlv } from '@sallyport/der';
import { type AlgorithmIdentifier, parseAlgorithm } from './algorithms.ts';
import {
  attempt,
  integerOf,
  isUniversal,
  octetsOfBits,
  oidOf,
  sequence,
  TAG,
  whole,
  wholeSequence,
} from './asn1.ts';
import { PKIX } from './oids.ts';

/** RFC 8550 section 4.3: below 2,048 bits no longer accepted; above 8,192 a denial of service. */
export const MIN_RSA_BITS = 2048;
export const MAX_RSA_BITS = 8192;
const MIN_RSA_EXPONENT = 65_537n;
const MAX_RSA_EXPONENT_BYTES = 32;

const CURVES: ReadonlyMap<string, string> = new Map([
  [PKIX.p256, 'P-256'],
  [PKIX.p384, 'P-384'],
  [PKIX.p521, 'P-521'],
  [PKIX.brainpoolP256r1, 'brainpoolP256r1'],
  [PKIX.brainpoolP384r1, 'brainpoolP384r1'],
  [PKIX.brainpoolP512r1, 'brainpoolP512r1'],
]);

/** RFC 5280 section 4.1.2.7, in raw form. */
export interface PublicKeyInfo {
  readonly der: Buffer;
  readonly algorithm: AlgorithmIdentifier;
  readonly key: Buffer;
}

export function parsePublicKeyInfo(tlv: Tlv): PublicKeyInfo {
  const fields = sequence(tlv, 'SubjectPublicKeyInfo');
  const algorithm = parseAlgorithm(fields.need(TAG.sequence, 'its algorithm'), 'key algorithm');
  const key = octetsOfBits(fields.need(TAG.bitString, 'its key'), 'public key');
  fields.end();
  return { der: tlv.bytes, algorithm, key };
}

/** Keys of one kind each, without parameters (RFC 8410 section 3, RFC 9936 section 2, RFC 9882 section 2). */
const PLAIN_KEYS: ReadonlyMap<string, string> = new Map([
  [PKIX.ed25519, 'Ed25519'],
  [PKIX.ed448, 'Ed448'],
  [PKIX.x25519, 'X25519'],
  [PKIX.mlDsa65, 'ML-DSA-65'],
  [PKIX.mlDsa87, 'ML-DSA-87'],
  [PKIX.mlKem512, 'ML-KEM-512'],
  [PKIX.mlKem768, 'ML-KEM-768'],
  [PKIX.mlKem1024, 'ML-KEM-1024'],
]);

/** A short description for people: `RSA 3072`, `EC P-256`. */
export type KeyCheck =
  | { readonly kind: 'ok'; readonly key: KeyObject; readonly description: string }
  | { readonly kind: 'weak'; readonly reason: string };

/** e = 1 verifies forgeries made without the private key; a small or even e is a broken key. */
function checkRsa(key: Buffer): string | { bits: number } {
  const fields = wholeSequence(key, 'RSA public key');
  const modulus = integerOf(fields.need(TAG.integer, 'its modulus'), 'modulus', 4097);
  const exponent = integerOf(fields.need(TAG.integer, 'its exponent'), 'exponent', 4097);
  fields.end();
  const magnitude = modulus[0] === 0 ? modulus.subarray(1) : modulus;
  const [first = 0] = magnitude;
  const bits = magnitude.length * 8 - (Math.clz32(first) - 24);
  if ((modulus[0] ?? 0) >= 0x80) return 'RSA key with a negative modulus';
  if (bits < MIN_RSA_BITS) return `RSA key of ${bits} bits; at least ${MIN_RSA_BITS} are needed`;
  if (bits > MAX_RSA_BITS) return `RSA key of ${bits} bits; at most ${MAX_RSA_BITS} are accepted`;
  if (((magnitude.at(-1) ?? 0) & 1) === 0) return 'RSA key with an even modulus';
  if (exponent.length > MAX_RSA_EXPONENT_BYTES) return 'RSA key with an oversized public exponent';
  const value = BigInt(`0x${exponent.toString('hex')}`);
  if ((exponent[0] ?? 0) >= 0x80 || value < MIN_RSA_EXPONENT || (value & 1n) === 0n) {
    return 'RSA key whose public exponent is even or below 65537';
  }
  return { bits };
}

function checkCurve(parameters: Tlv | null): string | { name: string } {
  if (parameters === null || !isUniversal(parameters, TAG.oid)) {
    return 'elliptic curve key without a named curve (RFC 5480 section 2.1.1)';
  }
  const oid = oidOf(parameters, 'curve');
  const name = CURVES.get(oid);
  return name === undefined ? `elliptic curve ${oid} is not accepted` : { name };
}

function describe(info: PublicKeyInfo): { description: string } | { reason: string } {
  const { oid, parameters } = info.algorithm;
  switch (oid) {
    case PKIX.rsaEncryption:
    case PKIX.rsassaPss: {
      const rsa = checkRsa(info.key);
      return typeof rsa === 'string' ? { reason: rsa } : { description: `RSA ${rsa.bits}` };
    }
    case PKIX.ecPublicKey: {
      const curve = checkCurve(parameters);
      return typeof curve === 'string' ? { reason: curve } : { description: `EC ${curve.name}` };
    }
    default: {
      const description = PLAIN_KEYS.get(oid);
      if (description === undefined) return { reason: `key algorithm ${oid} is not accepted` };
      return parameters === null
        ? { description }
        : { reason: `${description} key with parameters` };
    }
  }
}

/** Checks kind and strength of a public key; it is only loaded when both are good. */
export function checkPublicKey(spki: Buffer): KeyCheck {
  const described = attempt(() => describe(parsePublicKeyInfo(whole(spki, 'public key'))));
  if ('reason' in described) return { kind: 'weak', reason: described.reason };
  if ('reason' in described.value) return { kind: 'weak', reason: described.value.reason };
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    return { kind: 'ok', key, description: described.value.description };
  } catch {
    // A point that is not on its curve and the like: OpenSSL says no.
    return { kind: 'weak', reason: `${described.value.description} key cannot be used` };
  }
}
