import { constants, type KeyObject, verify } from 'node:crypto';
import type { Tlv } from '@sallyport/der';
import { countOf, type Fields, isUniversal, oidOf, sequence, TAG, whole } from './asn1.ts';
import { PKIX } from './oids.ts';

/** RFC 5280 section 4.1.1.2. */
export interface AlgorithmIdentifier {
  readonly der: Buffer;
  readonly oid: string;
  readonly parameters: Tlv | null;
}

export function parseAlgorithm(tlv: Tlv, what: string): AlgorithmIdentifier {
  const fields = sequence(tlv, what);
  const oid = oidOf(fields.need(TAG.oid, 'its identifier'), what);
  const parameters = fields.peek() === undefined ? null : fields.any('parameters');
  fields.end();
  return { der: tlv.bytes, oid, parameters };
}

type Hash = 'sha256' | 'sha384' | 'sha512';

/** How one signature algorithm is verified: data, so that new algorithms are rows. */
type Scheme =
  | { readonly kind: 'rsa'; readonly hash: Hash }
  | { readonly kind: 'pss'; readonly hash: Hash; readonly saltBytes: number }
  | { readonly kind: 'ecdsa'; readonly hash: Hash }
  /** Over the bytes themselves, by keys of one kind. */
  | { readonly kind: 'pure'; readonly keyType: 'ed25519' | 'ed448' | 'ml-dsa-65' | 'ml-dsa-87' };

const SCHEMES: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  [PKIX.sha256WithRsa, { kind: 'rsa', hash: 'sha256' }],
  [PKIX.sha384WithRsa, { kind: 'rsa', hash: 'sha384' }],
  [PKIX.sha512WithRsa, { kind: 'rsa', hash: 'sha512' }],
  [PKIX.ecdsaWithSha256, { kind: 'ecdsa', hash: 'sha256' }],
  [PKIX.ecdsaWithSha384, { kind: 'ecdsa', hash: 'sha384' }],
  [PKIX.ecdsaWithSha512, { kind: 'ecdsa', hash: 'sha512' }],
  [PKIX.ed25519, { kind: 'pure', keyType: 'ed25519' }],
  [PKIX.ed448, { kind: 'pure', keyType: 'ed448' }],
  [PKIX.mlDsa65, { kind: 'pure', keyType: 'ml-dsa-65' }],
  [PKIX.mlDsa87, { kind: 'pure', keyType: 'ml-dsa-87' }],
]);

const HASHES: ReadonlyMap<string, Hash> = new Map<string, Hash>([
  [PKIX.sha256, 'sha256'],
  [PKIX.sha384, 'sha384'],
  [PKIX.sha512, 'sha512'],
]);

/** RFC 8551 section 2.2: algorithms that forgers can beat today; named so that the reason can say so. */
const WEAK: ReadonlyMap<string, string> = new Map([
  [PKIX.sha1WithRsa, 'SHA-1 with RSA'],
  [PKIX.md5WithRsa, 'MD5 with RSA'],
  [PKIX.ecdsaWithSha1, 'SHA-1 with ECDSA'],
  [PKIX.dsaWithSha1, 'SHA-1 with DSA'],
]);

function hasNullOrNoParameters(algorithm: AlgorithmIdentifier): boolean {
  const { parameters } = algorithm;
  return (
    parameters === null || (isUniversal(parameters, TAG.null) && parameters.value.length === 0)
  );
}

function hashOf(tlv: Tlv): Hash | null {
  const algorithm = parseAlgorithm(tlv, 'hash algorithm');
  return hasNullOrNoParameters(algorithm) ? (HASHES.get(algorithm.oid) ?? null) : null;
}

function explicitField(fields: Fields, tag: number): Tlv | null {
  const wrapper = fields.context(tag);
  return wrapper === undefined ? null : whole(wrapper.value, 'an explicit field');
}

/** RFC 4055 section 3.1: the defaults mean SHA-1, which is refused. */
function pssScheme(parameters: Tlv | null): Scheme | null {
  if (parameters === null) return null;
  const fields = sequence(parameters, 'RSASSA-PSS parameters');
  const hashTlv = explicitField(fields, 0);
  const maskTlv = explicitField(fields, 1);
  const saltTlv = explicitField(fields, 2);
  const trailerTlv = explicitField(fields, 3);
  fields.end();
  const hash = hashTlv === null ? null : hashOf(hashTlv);
  const mask = maskTlv === null ? null : parseAlgorithm(maskTlv, 'mask generation');
  if (hash === null || mask?.oid !== PKIX.mgf1 || mask.parameters === null) return null;
  if (hashOf(mask.parameters) !== hash) return null;
  const saltBytes = saltTlv === null ? 20 : countOf(saltTlv, 'salt length');
  const trailer = trailerTlv === null ? 1 : countOf(trailerTlv, 'trailer field');
  return trailer === 1 && saltBytes <= 512 ? { kind: 'pss', hash, saltBytes } : null;
}

function schemeOf(algorithm: AlgorithmIdentifier): Scheme | null {
  if (algorithm.oid === PKIX.rsassaPss) return pssScheme(algorithm.parameters);
  const scheme = SCHEMES.get(algorithm.oid) ?? null;
  if (scheme?.kind === 'rsa') return hasNullOrNoParameters(algorithm) ? scheme : null;
  return algorithm.parameters === null ? scheme : null;
}

const KEY_TYPES = {
  rsa: ['rsa'],
  pss: ['rsa', 'rsa-pss'],
  ecdsa: ['ec'],
} as const;

function fitsKey(scheme: Scheme, key: KeyObject): boolean {
  const type = key.asymmetricKeyType ?? '';
  if (scheme.kind === 'pure') return type === scheme.keyType;
  return KEY_TYPES[scheme.kind].some((known) => known === type);
}

/** What a signature check found; only `valid` is good. */
export type SignatureCheck =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'weak'; readonly algorithm: string }
  | { readonly kind: 'unsupported'; readonly algorithm: string };

function verifies(
  scheme: Scheme,
  key: KeyObject,
  bytes: { signed: Buffer; signature: Buffer },
): boolean {
  const { signed, signature } = bytes;
  switch (scheme.kind) {
    case 'rsa':
      // PKCS #1 v1.5 is what Node takes for granted; to name it costs ten microseconds.
      return verify(scheme.hash, signed, key, signature);
    case 'pss': {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return verify(scheme.hash, signed, { key, padding, saltLength: scheme.saltBytes }, signature);
    }
    case 'ecdsa':
      return verify(scheme.hash, signed, key, signature); // DER, likewise
    case 'pure':
      return verify(null, signed, key, signature);
  }
}

/** Verifies a signature over the raw bytes that were signed (RFC 5280 section 6.1.3 (a)(1)). */
export function checkSignature(input: {
  readonly algorithm: AlgorithmIdentifier;
  readonly key: KeyObject;
  readonly signed: Buffer;
  readonly signature: Buffer;
}): SignatureCheck {
  const weak = WEAK.get(input.algorithm.oid);
  if (weak !== undefined) return { kind: 'weak', algorithm: weak };
  const scheme = schemeOf(input.algorithm);
  if (scheme === null) return { kind: 'unsupported', algorithm: input.algorithm.oid };
  if (!fitsKey(scheme, input.key)) return { kind: 'invalid' };
  try {
    return verifies(scheme, input.key, input) ? { kind: 'valid' } : { kind: 'invalid' };
  } catch {
    // OpenSSL throws for some keys and signatures that it cannot even try, for example a PSS key
    // whose own parameters forbid this hash. Outside bytes: no fault of ours.
    return { kind: 'invalid' };
  }
}
