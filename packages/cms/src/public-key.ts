import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { DerError, DerReader, decodeInteger, OID, readOnly } from '@sallyport/der';
import type { FaultId } from '@sallyport/faults';
import { type CurveName, curveByOid, KEMS, type KemName, kemByOid } from './algorithms-keys.ts';

const MIN_MODULUS_BITS = 2048; // RFC 8550 section 4.3
const MAX_MODULUS_BITS = 8192; // larger keys cost milliseconds a check (RFC 8551 section 6)
const MIN_EXPONENT = 65_537n; // with e = 1 anybody can forge
const MAX_EXPONENT_BITS = 256;
const MAX_CACHED_KEYS = 256;

export type PublicKeyFacts =
  | { readonly kind: 'rsa'; readonly modulusBytes: number; readonly key: KeyObject }
  | { readonly kind: 'agreement'; readonly curve: CurveName; readonly key: KeyObject }
  | { readonly kind: 'kem'; readonly set: KemName; readonly key: KeyObject }
  /** Ed25519 and ML-DSA: for signatures only. */
  | { readonly kind: 'signing'; readonly key: KeyObject }
  | { readonly kind: 'refused'; readonly fault: FaultId; readonly reason: string };

/** A key costs tens of microseconds to load, and partners' keys come again and again. */
const cache = new Map<string, PublicKeyFacts>();

/** Takes a SubjectPublicKeyInfo apart and judges its strength; never throws for bad bytes. */
export function publicKeyFacts(spki: Buffer): PublicKeyFacts {
  const name = spki.toString('latin1');
  const known = cache.get(name);
  if (known !== undefined) return known;
  const facts = readFacts(spki);
  if (cache.size >= MAX_CACHED_KEYS) cache.clear();
  cache.set(name, facts);
  return facts;
}

function refused(reason: string, fault: FaultId = 'algorithm-unsupported'): PublicKeyFacts {
  return { kind: 'refused', fault, reason };
}

const MALFORMED = refused('the public key is malformed');
const SIGNING_ONLY: ReadonlySet<string> = new Set([OID.ed25519, OID.mlDsa65, OID.mlDsa87]);

function readFacts(spki: Buffer): PublicKeyFacts {
  try {
    const outer = new DerReader(readOnly(spki, { strict: true }), { strict: true });
    const algorithm = outer.sequence();
    const oid = algorithm.oid();
    const { bytes } = outer.bitString();
    if (oid === OID.rsaEncryption || oid === OID.rsassaPss) return rsaFacts(spki, bytes);
    if (oid === OID.ecPublicKey) return agreementFacts(spki, algorithm.oid());
    if (oid === OID.x25519) return agreementFacts(spki, oid);
    if (SIGNING_ONLY.has(oid)) return signingFacts(spki);
    const set = kemByOid(oid);
    if (set !== null) return kemFacts(spki, set, bytes);
    return refused(`public key algorithm ${oid} is not supported`);
  } catch (error) {
    if (error instanceof DerError) return MALFORMED;
    throw error;
  }
}

function rsaFacts(spki: Buffer, bits: Buffer): PublicKeyFacts {
  const reader = new DerReader(readOnly(bits, { strict: true }), { strict: true });
  const modulus = reader.integerBytes();
  const exponent = decodeInteger(reader.next());
  const octets = modulus[0] === 0 ? modulus.subarray(1) : modulus;
  const modulusBits = octets.length * 8 - Math.clz32(octets[0] ?? 0) + 24;
  if (((modulus[0] ?? 0) & 0x80) !== 0) return refused('the RSA modulus is negative');
  if (modulusBits < MIN_MODULUS_BITS) {
    return refused(`the RSA key has only ${modulusBits} bits`, 'key-too-short');
  }
  if (modulusBits > MAX_MODULUS_BITS) {
    return refused(`the RSA key has ${modulusBits} bits, too many`, 'key-too-long');
  }
  if (((octets.at(-1) ?? 0) & 1) === 0) return refused('the RSA modulus is even');
  if (exponent < MIN_EXPONENT || exponent % 2n === 0n || exponent >> BigInt(MAX_EXPONENT_BITS)) {
    return refused('the RSA public exponent is not safe', 'key-exponent-unsafe');
  }
  const key = loadKey(spki);
  return key === null ? MALFORMED : { kind: 'rsa', modulusBytes: octets.length, key };
}

function agreementFacts(spki: Buffer, curveOid: string): PublicKeyFacts {
  const curve = curveByOid(curveOid);
  if (curve === null) return refused(`curve ${curveOid} is not supported`);
  const key = loadKey(spki);
  if (key === null) return MALFORMED;
  if (curve === 'x25519' && !isOfFullOrder(key)) return refused('the public key is of low order');
  return { kind: 'agreement', curve, key };
}

/** RFC 8418 section 2: a shared secret that is all zero must be refused; such a key gives no other. */
function isOfFullOrder(publicKey: KeyObject): boolean {
  const { privateKey } = generateKeyPairSync('x25519');
  try {
    return diffieHellman({ privateKey, publicKey }).some((octet) => octet !== 0);
  } catch {
    return false; // OpenSSL finds the zero itself
  }
}

function kemFacts(spki: Buffer, set: KemName, bytes: Buffer): PublicKeyFacts {
  if (bytes.length !== KEMS[set].publicKeyBytes) return MALFORMED;
  const key = loadKey(spki);
  return key === null ? MALFORMED : { kind: 'kem', set, key };
}

function signingFacts(spki: Buffer): PublicKeyFacts {
  const key = loadKey(spki);
  return key === null ? MALFORMED : { kind: 'signing', key };
}

function loadKey(spki: Buffer): KeyObject | null {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    return null; // OpenSSL found what we did not: a point off its curve, say
  }
}
