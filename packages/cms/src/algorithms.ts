import { constants } from 'node:crypto';
import { der, OID } from '@sallyport/der';

/** Every algorithm that cms knows, as data: a new one is a new row. */

export type DigestName = 'sha256' | 'sha384' | 'sha512';

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

/** Broken algorithms, by the name that a reason gives them. */
export const WEAK_ALGORITHMS: ReadonlyMap<string, string> = new Map([
  [OID.md5, 'MD5'],
  [OID.sha1, 'SHA-1'],
  [OID.md5WithRsa, 'MD5'],
  [OID.sha1WithRsa, 'SHA-1'],
  [OID.ecdsaWithSha1, 'SHA-1'],
]);

export type SignatureFamily = 'rsa' | 'rsa-pss' | 'ecdsa';
export type SignatureAlgorithmName = `${SignatureFamily}-${DigestName}`;

/** How long the salt of our own RSASSA-PSS signatures is (RFC 4056 section 3: as the hash). */
const PSS_SALT: Readonly<Record<DigestName, number>> = { sha256: 32, sha384: 48, sha512: 64 };

const ECDSA_OIDS: Readonly<Record<DigestName, string>> = {
  sha256: OID.ecdsaWithSha256,
  sha384: OID.ecdsaWithSha384,
  sha512: OID.ecdsaWithSha512,
};

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
  const digest = digestOf(name);
  if (name.startsWith('rsa-pss-')) return pssIdentifier(digest);
  if (name.startsWith('rsa-')) return RSA_ENCRYPTION;
  return der.sequence(der.oid(ECDSA_OIDS[digest]));
}

export function digestOf(name: SignatureAlgorithmName): DigestName {
  return name.slice(name.lastIndexOf('-') + 1) as DigestName;
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
  { readonly family: SignatureFamily; readonly digest: DigestName | null }
> = new Map([
  [OID.rsaEncryption, { family: 'rsa', digest: null }],
  [OID.sha256WithRsa, { family: 'rsa', digest: 'sha256' }],
  [OID.sha384WithRsa, { family: 'rsa', digest: 'sha384' }],
  [OID.sha512WithRsa, { family: 'rsa', digest: 'sha512' }],
  [OID.rsassaPss, { family: 'rsa-pss', digest: null }],
  [OID.ecdsaWithSha256, { family: 'ecdsa', digest: 'sha256' }],
  [OID.ecdsaWithSha384, { family: 'ecdsa', digest: 'sha384' }],
  [OID.ecdsaWithSha512, { family: 'ecdsa', digest: 'sha512' }],
]);

/** What node:crypto wants to hear for a family; `saltLength` only for RSASSA-PSS. */
export function signatureKeyOptions(
  family: SignatureFamily,
  saltLength: number,
): { padding?: number; saltLength?: number; dsaEncoding?: 'der' } {
  if (family === 'rsa-pss') return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
  if (family === 'rsa') return { padding: constants.RSA_PKCS1_PADDING };
  return { dsaEncoding: 'der' };
}

export function pssSaltLength(digest: DigestName): number {
  return PSS_SALT[digest];
}

export type ContentMode = 'cbc' | 'gcm';
export type KeyBytes = 16 | 24 | 32;
export type ContentName = `aes${128 | 192 | 256}-${ContentMode}`;

/** Content-encryption algorithms: RFC 3565 (CBC), RFC 5084 (GCM). */
export interface ContentAlgorithm {
  readonly oid: string;
  readonly keyBytes: KeyBytes;
  readonly mode: ContentMode;
  /** node:crypto's name. */
  readonly cipher: `aes-${128 | 192 | 256}-${ContentMode}`;
}

export const CONTENT_ALGORITHMS: Readonly<Record<ContentName, ContentAlgorithm>> = {
  'aes128-cbc': { oid: OID.aes128Cbc, keyBytes: 16, mode: 'cbc', cipher: 'aes-128-cbc' },
  'aes192-cbc': { oid: OID.aes192Cbc, keyBytes: 24, mode: 'cbc', cipher: 'aes-192-cbc' },
  'aes256-cbc': { oid: OID.aes256Cbc, keyBytes: 32, mode: 'cbc', cipher: 'aes-256-cbc' },
  'aes128-gcm': { oid: OID.aes128Gcm, keyBytes: 16, mode: 'gcm', cipher: 'aes-128-gcm' },
  'aes192-gcm': { oid: OID.aes192Gcm, keyBytes: 24, mode: 'gcm', cipher: 'aes-192-gcm' },
  'aes256-gcm': { oid: OID.aes256Gcm, keyBytes: 32, mode: 'gcm', cipher: 'aes-256-gcm' },
};

const CONTENT_BY_OID: ReadonlyMap<string, ContentName> = new Map(
  (Object.keys(CONTENT_ALGORITHMS) as ContentName[]).map((name) => [
    CONTENT_ALGORITHMS[name].oid,
    name,
  ]),
);

export function contentByOid(oid: string): ContentName | null {
  return CONTENT_BY_OID.get(oid) ?? null;
}

export type WrapName = 'aes128' | 'aes192' | 'aes256';

/** RFC 3394 key wrap, by the size of the wrapped key: they must be equal (RFC 8551 section 2.3). */
export const WRAPS: Readonly<
  Record<WrapName, { readonly oid: string; readonly keyBytes: KeyBytes; readonly cipher: string }>
> = {
  aes128: { oid: OID.aes128Wrap, keyBytes: 16, cipher: 'id-aes128-wrap' },
  aes192: { oid: OID.aes192Wrap, keyBytes: 24, cipher: 'id-aes192-wrap' },
  aes256: { oid: OID.aes256Wrap, keyBytes: 32, cipher: 'id-aes256-wrap' },
};

export const WRAP_BY_OID: ReadonlyMap<string, WrapName> = new Map([
  [OID.aes128Wrap, 'aes128'],
  [OID.aes192Wrap, 'aes192'],
  [OID.aes256Wrap, 'aes256'],
]);

export const WRAP_BY_KEY_BYTES: Readonly<Record<KeyBytes, WrapName>> = {
  16: 'aes128',
  24: 'aes192',
  32: 'aes256',
};

export type CurveName = 'p256' | 'p384';
export type KdfHash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** Curves for key agreement (RFC 5753 section 7.1.1), with the KDF that we write for each. */
export const CURVES: Readonly<
  Record<
    CurveName,
    {
      readonly oid: string;
      readonly node: string;
      readonly fieldBytes: number;
      readonly kdf: { readonly oid: string; readonly hash: KdfHash };
    }
  >
> = {
  p256: {
    oid: OID.p256,
    node: 'prime256v1',
    fieldBytes: 32,
    kdf: { oid: OID.dhSinglePassStdSha256Kdf, hash: 'sha256' },
  },
  p384: {
    oid: OID.p384,
    node: 'secp384r1',
    fieldBytes: 48,
    kdf: { oid: OID.dhSinglePassStdSha384Kdf, hash: 'sha384' },
  },
};

/** SHA-1 stands here only for reading: OpenSSL's default, and in a KDF no collision helps anybody. */
export const KDF_BY_OID: ReadonlyMap<string, KdfHash> = new Map([
  [OID.dhSinglePassStdSha1Kdf, 'sha1'],
  [OID.dhSinglePassStdSha256Kdf, 'sha256'],
  [OID.dhSinglePassStdSha384Kdf, 'sha384'],
  [OID.dhSinglePassStdSha512Kdf, 'sha512'],
]);

export type OaepHash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** RFC 8017 section A.2.1: SHA-1 is the default of OAEP, where its weakness does not matter. */
export const OAEP_HASH_BY_OID: ReadonlyMap<string, OaepHash> = new Map([
  [OID.sha1, 'sha1'],
  [OID.sha256, 'sha256'],
  [OID.sha384, 'sha384'],
  [OID.sha512, 'sha512'],
]);
