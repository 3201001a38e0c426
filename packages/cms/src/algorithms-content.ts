import { OID } from '@sallyport/der';

/** Content-encryption algorithms, as data. */

type ContentMode = 'cbc' | 'gcm' | 'chacha20-poly1305';
export type KeyBytes = 16 | 24 | 32;
type AesBits = 128 | 192 | 256;
/** For EnvelopedData (RFC 5652 section 6.1). */
export type CbcName = `aes${AesBits}-cbc`;
/** For AuthEnvelopedData (RFC 5083 section 2.1). */
export type AeadName = `aes${AesBits}-gcm` | 'chacha20-poly1305';
/** Read only where the caller asks for it, and then the result says so. */
type LegacyContentName = 'des-ede3-cbc';
export type ContentName = CbcName | AeadName | LegacyContentName;

/** One row: RFC 3565 (CBC), RFC 5084 (GCM), RFC 8103 (ChaCha20-Poly1305), RFC 3370 (3DES). */
interface ContentAlgorithm {
  readonly oid: string;
  readonly keyBytes: KeyBytes;
  readonly mode: ContentMode;
  /** node:crypto's name. */
  readonly cipher: string;
  /** Length of the IV or nonce as we write it; CBC and ChaCha20 allow no other. */
  readonly ivBytes: 8 | 12 | 16;
  /** Padding goes up to a multiple of this; 1 is none. */
  readonly blockBytes: 1 | 8 | 16;
  /** Length of the tag as we write it; 0 is none: nothing proves that the content is unchanged. */
  readonly tagBytes: 0 | 16;
  readonly isLegacy: boolean;
}

const CBC = { mode: 'cbc', ivBytes: 16, blockBytes: 16, tagBytes: 0, isLegacy: false } as const;
// RFC 5084 section 3.2: a nonce of 12 octets is RECOMMENDED
const AEAD = { ivBytes: 12, blockBytes: 1, tagBytes: 16, isLegacy: false } as const;
const GCM = { mode: 'gcm', ...AEAD } as const;

export const CONTENT_ALGORITHMS: Readonly<Record<ContentName, ContentAlgorithm>> = {
  'aes128-cbc': { oid: OID.aes128Cbc, keyBytes: 16, cipher: 'aes-128-cbc', ...CBC },
  'aes192-cbc': { oid: OID.aes192Cbc, keyBytes: 24, cipher: 'aes-192-cbc', ...CBC },
  'aes256-cbc': { oid: OID.aes256Cbc, keyBytes: 32, cipher: 'aes-256-cbc', ...CBC },
  'aes128-gcm': { oid: OID.aes128Gcm, keyBytes: 16, cipher: 'aes-128-gcm', ...GCM },
  'aes192-gcm': { oid: OID.aes192Gcm, keyBytes: 24, cipher: 'aes-192-gcm', ...GCM },
  'aes256-gcm': { oid: OID.aes256Gcm, keyBytes: 32, cipher: 'aes-256-gcm', ...GCM },
  'chacha20-poly1305': {
    oid: OID.chaCha20Poly1305,
    keyBytes: 32,
    cipher: 'chacha20-poly1305',
    mode: 'chacha20-poly1305',
    ...AEAD,
  },
  'des-ede3-cbc': {
    oid: OID.desEde3Cbc,
    keyBytes: 24,
    cipher: 'des-ede3-cbc',
    mode: 'cbc',
    ivBytes: 8,
    blockBytes: 8,
    tagBytes: 0,
    isLegacy: true,
  },
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
