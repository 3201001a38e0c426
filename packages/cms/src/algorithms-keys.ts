import { der, OID } from '@sallyport/der';
import type { KeyBytes } from './algorithms-content.ts';

/** How content-encryption keys travel, as data: key wrap, key agreement, key transport, KEM. */

export type WrapName = 'aes128' | 'aes192' | 'aes256';

/** RFC 3394 key wrap, by the size of the wrapping key. */
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

/** RFC 8551 section 2.3: the wrap of a key agreement is as long as the key that it wraps. */
export const WRAP_BY_KEY_BYTES: Readonly<Record<KeyBytes, WrapName>> = {
  16: 'aes128',
  24: 'aes192',
  32: 'aes256',
};

export type KdfHash = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** The key derivation of a key agreement: X9.63 (RFC 5753 section 7.1.3) or HKDF (RFC 8418 section 2.2). */
export type Kdf =
  | { readonly kind: 'x963'; readonly hash: KdfHash }
  | { readonly kind: 'hkdf'; readonly hash: HkdfHash };

/** SHA-1 stands here only for reading: OpenSSL's default, and in a KDF no collision helps anybody. */
export const KDF_BY_OID: ReadonlyMap<string, Kdf> = new Map<string, Kdf>([
  [OID.dhSinglePassStdSha1Kdf, { kind: 'x963', hash: 'sha1' }],
  [OID.dhSinglePassStdSha224Kdf, { kind: 'x963', hash: 'sha224' }],
  [OID.dhSinglePassStdSha256Kdf, { kind: 'x963', hash: 'sha256' }],
  [OID.dhSinglePassStdSha384Kdf, { kind: 'x963', hash: 'sha384' }],
  [OID.dhSinglePassStdSha512Kdf, { kind: 'x963', hash: 'sha512' }],
  [OID.dhSinglePassStdHkdfSha256, { kind: 'hkdf', hash: 'sha256' }],
  [OID.dhSinglePassStdHkdfSha384, { kind: 'hkdf', hash: 'sha384' }],
  [OID.dhSinglePassStdHkdfSha512, { kind: 'hkdf', hash: 'sha512' }],
]);

export type CurveName = 'p256' | 'p384' | 'p521' | 'x25519';

export interface Curve {
  /** AlgorithmIdentifier of a public key on it. */
  readonly keyAlgorithm: Buffer;
  /** OID of the named curve; for X25519 that of the key itself. */
  readonly oid: string;
  /** Lengths that a public key may have: uncompressed first, as we write it. */
  readonly publicKeyBytes: readonly [number, ...number[]];
  /** The derivation that we write. */
  readonly kdf: Kdf & { readonly oid: string };
}

function weierstrass(oid: string, fieldBytes: number, kdf: Curve['kdf']): Curve {
  return {
    keyAlgorithm: der.sequence(der.oid(OID.ecPublicKey), der.oid(oid)),
    oid,
    publicKeyBytes: [1 + 2 * fieldBytes, 1 + fieldBytes],
    kdf,
  };
}

/** Curves for key agreement: RFC 5753 section 7.1.1, RFC 8418 section 3.2. */
export const CURVES: Readonly<Record<CurveName, Curve>> = {
  p256: weierstrass(OID.p256, 32, {
    kind: 'x963',
    oid: OID.dhSinglePassStdSha256Kdf,
    hash: 'sha256',
  }),
  p384: weierstrass(OID.p384, 48, {
    kind: 'x963',
    oid: OID.dhSinglePassStdSha384Kdf,
    hash: 'sha384',
  }),
  p521: weierstrass(OID.p521, 66, {
    kind: 'x963',
    oid: OID.dhSinglePassStdSha512Kdf,
    hash: 'sha512',
  }),
  x25519: {
    keyAlgorithm: der.sequence(der.oid(OID.x25519)), // RFC 8410 section 3: parameters absent
    oid: OID.x25519,
    publicKeyBytes: [32],
    kdf: { kind: 'hkdf', oid: OID.dhSinglePassStdHkdfSha256, hash: 'sha256' },
  },
};

const CURVE_NAMES = Object.keys(CURVES) as CurveName[];

export function curveByOid(oid: string): CurveName | null {
  return CURVE_NAMES.find((name) => CURVES[name].oid === oid) ?? null;
}

export type OaepHash = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** RFC 8017 section A.2.1: SHA-1 is the default of OAEP, where its weakness does not matter. */
export const OAEP_HASHES: Readonly<Record<OaepHash, { readonly oid: string }>> = {
  sha1: { oid: OID.sha1 },
  sha224: { oid: OID.sha224 },
  sha256: { oid: OID.sha256 },
  sha384: { oid: OID.sha384 },
  sha512: { oid: OID.sha512 },
};

export const OAEP_HASH_BY_OID: ReadonlyMap<string, OaepHash> = new Map(
  (Object.keys(OAEP_HASHES) as OaepHash[]).map((name) => [OAEP_HASHES[name].oid, name]),
);

export type KemName = 'ml-kem-512' | 'ml-kem-768' | 'ml-kem-1024';

/** ML-KEM parameter sets (RFC 9936 section 2.2, Appendix B). */
export const KEMS: Readonly<
  Record<
    KemName,
    {
      readonly oid: string;
      readonly publicKeyBytes: number;
      readonly ciphertextBytes: number;
      /** The weakest wrap that does not weaken the set. */
      readonly wrap: WrapName;
    }
  >
> = {
  'ml-kem-512': { oid: OID.mlKem512, publicKeyBytes: 800, ciphertextBytes: 768, wrap: 'aes128' },
  'ml-kem-768': { oid: OID.mlKem768, publicKeyBytes: 1184, ciphertextBytes: 1088, wrap: 'aes256' },
  'ml-kem-1024': {
    oid: OID.mlKem1024,
    publicKeyBytes: 1568,
    ciphertextBytes: 1568,
    wrap: 'aes256',
  },
};

const KEM_NAMES = Object.keys(KEMS) as KemName[];

export function kemByOid(oid: string): KemName | null {
  return KEM_NAMES.find((name) => KEMS[name].oid === oid) ?? null;
}

export type HkdfHash = 'sha256' | 'sha384' | 'sha512';

/** KDFs of KEMRecipientInfo (RFC 9936 section 2.2.1, RFC 8619). */
export const HKDF_BY_OID: ReadonlyMap<string, HkdfHash> = new Map([
  [OID.hkdfWithSha256, 'sha256'],
  [OID.hkdfWithSha384, 'sha384'],
  [OID.hkdfWithSha512, 'sha512'],
]);
