import { createPublicKey, type KeyObject } from 'node:crypto';
import { DerError, DerReader, decodeInteger, OID, readOnly } from '@sallyport/der';
import type { FaultId } from '@sallyport/faults';
import { CURVES, type CurveName } from './algorithms.ts';

const MIN_MODULUS_BITS = 2048; // RFC 8550 section 4.3
const MAX_MODULUS_BITS = 8192; // larger keys cost milliseconds a check (RFC 8551 section 6)
const MIN_EXPONENT = 65_537n; // with e = 1 anybody can forge
const MAX_EXPONENT_BITS = 256;
const MAX_CACHED_KEYS = 256;

export type PublicKeyFacts =
  | { readonly kind: 'rsa'; readonly modulusBytes: number; readonly key: KeyObject }
  | {
      readonly kind: 'ec';
      /** null: P-521, for signatures only. */
      readonly curve: CurveName | null;
      readonly point: Buffer;
      readonly key: KeyObject;
    }
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

function refused(reason: string): PublicKeyFacts {
  return { kind: 'refused', fault: 'algorithm-unsupported', reason };
}

function readFacts(spki: Buffer): PublicKeyFacts {
  try {
    const outer = new DerReader(readOnly(spki, { strict: true }), { strict: true });
    const algorithm = outer.sequence();
    const oid = algorithm.oid();
    if (oid === OID.rsaEncryption || oid === OID.rsassaPss) {
      return rsaFacts(spki, outer.bitString().bytes);
    }
    if (oid === OID.ecPublicKey) return ecFacts(spki, algorithm.oid(), outer.bitString().bytes);
    return refused(`public key algorithm ${oid} is not supported`);
  } catch (error) {
    if (error instanceof DerError) return refused('the public key is malformed');
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
  if (modulusBits < MIN_MODULUS_BITS) return refused(`the RSA key has only ${modulusBits} bits`);
  if (modulusBits > MAX_MODULUS_BITS)
    return refused(`the RSA key has ${modulusBits} bits, too many`);
  if (exponent < MIN_EXPONENT || exponent % 2n === 0n || exponent >> BigInt(MAX_EXPONENT_BITS)) {
    return refused('the RSA public exponent is not safe');
  }
  const key = loadKey(spki);
  if (key === null) return refused('the public key is malformed');
  return { kind: 'rsa', modulusBytes: octets.length, key };
}

function ecFacts(spki: Buffer, curveOid: string, point: Buffer): PublicKeyFacts {
  const names = Object.keys(CURVES) as CurveName[];
  const curve = names.find((name) => CURVES[name].oid === curveOid) ?? null;
  if (curve === null && curveOid !== OID.p521) return refused(`curve ${curveOid} is not supported`);
  const key = loadKey(spki);
  if (key === null) return refused('the public key is malformed');
  return { kind: 'ec', curve, point, key };
}

function loadKey(spki: Buffer): KeyObject | null {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    return null; // OpenSSL found what we did not: a point off its curve, say
  }
}
