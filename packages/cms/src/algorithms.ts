import { constants } from 'node:crypto';
import { der, OID } from '@sallyport/der';

/** Digests and signatures, as data: a new algorithm is a new row. Those for encryption stand beside. */
export {
  type AeadName,
  type CbcName,
  CONTENT_ALGORITHMS,
  type ContentName,
  contentByOid,
  type KeyBytes,
} from './algorithms-content.ts';

export type DigestName = 'sha256' | 'sha384' | 'sha512';
/** SHA-1 only where the caller asks for it, and then the result says so. */
export type ReadDigestName = DigestName | 'sha1';
/** What a result names if it rests on an algorithm that nobody should use any more. */
export type LegacyAlgorithm = 'sha1' | 'des-ede3-cbc';

/** RFC 5754 section 2. Older digests are not in the table: what is not here is not verified. */
export const DIGESTS: Readonly<Record<DigestName, { readonly oid: string }>> = {
  sha256: { oid: OID.sha256 },
  sha384: { oid: OID.sha384 },
  sha512: { oid: OID.sha512 },
};

const DIGEST_BY_OID: ReadonlyMap<string, DigestName> = new Map(
  (Object.keys(DIGESTS) as DigestName[]).map((name) => [DIGESTS[name].oid, name]),
);

export function digestByOid(oid: string): DigestName | null {
  return DIGEST_BY_OID.get(oid) ?? null;
}

/** Algorithms that nobody works out, by the name that a reason gives them. */
export const BROKEN_ALGORITHMS: ReadonlyMap<string, string> = new Map([
  [OID.md5, 'MD5'],
  [OID.md5WithRsa, 'MD5'],
]);

/** RFC 8551 section 6: SHA-1 is worked out only where the caller asks for it. */
export const SHA1_ALGORITHMS: ReadonlySet<string> = new Set([
  OID.sha1,
  OID.sha1WithRsa,
  OID.ecdsaWithSha1,
]);

export type SignatureFamily = 'rsa' | 'rsa-pss' | 'ecdsa' | 'ed25519' | 'ml-dsa-65' | 'ml-dsa-87';
/** RSA and ECDSA sign a digest; the others sign the DER of SignedAttributes itself. */
type HashedFamily = 'rsa' | 'rsa-pss' | 'ecdsa';
type PureFamily = Exclude<SignatureFamily, HashedFamily>;
export type SignatureAlgorithmName = `${HashedFamily}-${DigestName}` | PureFamily;

/** How long the salt of our own RSASSA-PSS signatures is (RFC 4056 section 3: as the hash). */
const PSS_SALT: Readonly<Record<DigestName, number>> = { sha256: 32, sha384: 48, sha512: 64 };

const ECDSA_OIDS: Readonly<Record<DigestName, string>> = {
  sha256: OID.ecdsaWithSha256,
  sha384: OID.ecdsaWithSha384,
  sha512: OID.ecdsaWithSha512,
};

interface PureSignature {
  readonly oid: string;
  /** Digests that may stand beside it for the content; the first is the one we write. */
  readonly digests: readonly [DigestName, ...DigestName[]];
}

/** RFC 8419 section 3.1: Ed25519 goes with SHA-512. RFC 9882 section 3.3: digests that fit ML-DSA. */
export const PURE_SIGNATURES: Readonly<Record<PureFamily, PureSignature>> = {
  ed25519: { oid: OID.ed25519, digests: ['sha512'] },
  'ml-dsa-65': { oid: OID.mlDsa65, digests: ['sha512', 'sha384'] },
  'ml-dsa-87': { oid: OID.mlDsa87, digests: ['sha512'] },
};

function isPure(name: string): name is PureFamily {
  return name in PURE_SIGNATURES;
}

/** AlgorithmIdentifier of a digest, parameters absent (RFC 5754 section 2). */
export function digestAlgorithmIdentifier(name: DigestName): Buffer {
  return DIGEST_IDENTIFIERS[name];
}

const DIGEST_IDENTIFIERS: Readonly<Record<DigestName, Buffer>> = {
  sha256: der.sequence(der.oid(OID.sha256)),
  sha384: der.sequence(der.oid(OID.sha384)),
  sha512: der.sequence(der.oid(OID.sha512)),
};

// RFC 3370 section 3.2: rsaEncryption with NULL is what every reader of PKCS#1 v1.5 must take.
const RSA_ENCRYPTION = der.sequence(der.oid(OID.rsaEncryption), der.null());

/** AlgorithmIdentifier of a signature algorithm as we write it. */
export function signatureAlgorithmIdentifier(name: SignatureAlgorithmName): Buffer {
  // RFC 8419 section 2.4, RFC 9882 section 3.3: parameters absent
  if (isPure(name)) return der.sequence(der.oid(PURE_SIGNATURES[name].oid));
  const digest = digestOf(name);
  switch (familyOf(name)) {
    case 'rsa-pss':
      return pssIdentifier(digest);
    case 'rsa':
      return RSA_ENCRYPTION;
    default:
      return der.sequence(der.oid(ECDSA_OIDS[digest]));
  }
}

/** The digest of the content that goes with a signature algorithm. */
export function digestOf(name: SignatureAlgorithmName): DigestName {
  if (isPure(name)) return PURE_SIGNATURES[name].digests[0];
  return name.slice(name.lastIndexOf('-') + 1) as DigestName;
}

export function familyOf(name: SignatureAlgorithmName): SignatureFamily {
  return isPure(name) ? name : (name.slice(0, name.lastIndexOf('-')) as HashedFamily);
}

function pssIdentifier(digest: DigestName): Buffer {
  const hash = der.sequence(der.oid(DIGESTS[digest].oid), der.null());
  const mgf1 = der.sequence(der.oid(OID.mgf1), hash);
  const salt = der.integer(PSS_SALT[digest]);
  const parameters = der.sequence(
    der.explicit(0, hash),
    der.explicit(1, mgf1),
    der.explicit(2, salt),
  );
  return der.sequence(der.oid(OID.rsassaPss), parameters);
}

/** Signature algorithms by OID. A null digest means: the one of digestAlgorithm or the parameters. */
export const SIGNATURES: ReadonlyMap<
  string,
  { readonly family: SignatureFamily; readonly digest: ReadDigestName | null }
> = new Map([
  [OID.rsaEncryption, { family: 'rsa', digest: null }],
  [OID.sha1WithRsa, { family: 'rsa', digest: 'sha1' }],
  [OID.sha256WithRsa, { family: 'rsa', digest: 'sha256' }],
  [OID.sha384WithRsa, { family: 'rsa', digest: 'sha384' }],
  [OID.sha512WithRsa, { family: 'rsa', digest: 'sha512' }],
  [OID.rsassaPss, { family: 'rsa-pss', digest: null }],
  [OID.ecdsaWithSha1, { family: 'ecdsa', digest: 'sha1' }],
  [OID.ecdsaWithSha256, { family: 'ecdsa', digest: 'sha256' }],
  [OID.ecdsaWithSha384, { family: 'ecdsa', digest: 'sha384' }],
  [OID.ecdsaWithSha512, { family: 'ecdsa', digest: 'sha512' }],
  [OID.ed25519, { family: 'ed25519', digest: null }],
  [OID.mlDsa65, { family: 'ml-dsa-65', digest: null }],
  [OID.mlDsa87, { family: 'ml-dsa-87', digest: null }],
]);

/** True if this digest of the content may stand beside a signature of the family. */
export function fitsDigest(family: SignatureFamily, digest: ReadDigestName): boolean {
  return !isPure(family) || PURE_SIGNATURES[family].digests.some((known) => known === digest);
}

/** True if the key is of the kind that the family signs with. */
export function fitsKeyType(family: SignatureFamily, keyType: string | undefined): boolean {
  switch (family) {
    case 'rsa':
      return keyType === 'rsa';
    case 'rsa-pss':
      return keyType === 'rsa' || keyType === 'rsa-pss';
    case 'ecdsa':
      return keyType === 'ec';
    default:
      return keyType === family;
  }
}

/**
 * What node:crypto wants to hear for a family: the digest that it is to work out itself, or null,
 * and the options of the key; `saltLength` only for RSASSA-PSS.
 */
export function signatureCall(
  family: SignatureFamily,
  digest: ReadDigestName,
  saltLength: number,
): {
  readonly digest: ReadDigestName | null;
  readonly options: { padding?: number; saltLength?: number; dsaEncoding?: 'der' };
} {
  switch (family) {
    case 'rsa-pss':
      return { digest, options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } };
    case 'rsa':
      return { digest, options: { padding: constants.RSA_PKCS1_PADDING } };
    case 'ecdsa':
      return { digest, options: { dsaEncoding: 'der' } };
    default:
      return { digest: null, options: {} };
  }
}

export function pssSaltLength(digest: DigestName): number {
  return PSS_SALT[digest];
}
