import {
  CONTENT_ALGORITHMS,
  type ContentName,
  DIGESTS,
  type DigestName,
  PURE_SIGNATURES,
  SIGNATURES,
  type SignatureAlgorithmName,
} from '../../../packages/cms/src/algorithms.ts';
import {
  CURVES,
  type CurveName,
  KEMS,
  type KemName,
  OAEP_HASHES,
  type OaepHash,
} from '../../../packages/cms/src/algorithms-keys.ts';

/** Rows come from the algorithm tables of cms: what is new there is a new row here. */

/** What a certificate is issued for. */
export type KeyName = 'rsa' | CurveName | KemName | PureName;
type PureName = Extract<SignatureAlgorithmName, keyof typeof PURE_SIGNATURES>;

export interface SignatureRow {
  readonly kind: 'signature';
  readonly id: string;
  readonly title: string;
  readonly key: KeyName;
  readonly digest: DigestName | 'sha1';
  readonly isPss: boolean;
  /** How we sign with it; null: we only verify it. */
  readonly own: SignatureAlgorithmName | null;
}

interface Oaep {
  readonly hash: OaepHash;
  readonly mgf1Hash: OaepHash;
  /** In hexadecimal; empty is none. */
  readonly label: string;
}

export interface EncryptionRow {
  readonly kind: 'key' | 'content';
  readonly id: string;
  readonly title: string;
  readonly key: KeyName;
  readonly content: ContentName;
  readonly oaep: Oaep | null;
  /** Digest of the derivation that a peer is told to use. */
  readonly kdf: DigestName | 'sha1' | null;
  /** False: we only read it. */
  readonly isSent: boolean;
}

export type Row = SignatureRow | EncryptionRow;

const DIGEST_NAMES = Object.keys(DIGESTS) as DigestName[];
const CURVE_OF_DIGEST: Readonly<Record<DigestName, CurveName>> = {
  sha256: 'p256',
  sha384: 'p384',
  sha512: 'p521',
};

function dashed(digest: string): string {
  return digest.toUpperCase().replace('SHA', 'SHA-');
}

function curveTitle(curve: CurveName): string {
  return curve === 'x25519' ? 'X25519' : `P-${curve.slice(1)}`;
}

function hashedRows(): SignatureRow[] {
  const families = [...new Set([...SIGNATURES.values()].map(({ family }) => family))];
  return families.flatMap((family): SignatureRow[] => {
    switch (family) {
      case 'rsa':
      case 'rsa-pss':
        return DIGEST_NAMES.map((digest) => ({
          kind: 'signature',
          id: `${family}-${digest}`,
          title: `${family === 'rsa' ? 'RSA PKCS #1 v1.5' : 'RSASSA-PSS'}, ${dashed(digest)}`,
          key: 'rsa',
          digest,
          isPss: family === 'rsa-pss',
          own: `${family}-${digest}`,
        }));
      case 'ecdsa':
        return DIGEST_NAMES.map((digest) => ({
          kind: 'signature',
          id: `ecdsa-${digest}`,
          title: `ECDSA ${curveTitle(CURVE_OF_DIGEST[digest])}, ${dashed(digest)}`,
          key: CURVE_OF_DIGEST[digest],
          digest,
          isPss: false,
          own: `ecdsa-${digest}`,
        }));
      default:
        return [
          {
            kind: 'signature',
            id: family,
            title: family === 'ed25519' ? 'Ed25519' : family.toUpperCase(),
            key: family,
            digest: PURE_SIGNATURES[family].digests[0],
            isPss: false,
            own: family,
          },
        ];
    }
  });
}

/** Verified under the legacy flag alone, never made. */
const LEGACY_SIGNATURES: readonly SignatureRow[] = [
  {
    kind: 'signature',
    id: 'rsa-sha1',
    title: 'RSA PKCS #1 v1.5, SHA-1 (legacy)',
    key: 'rsa',
    digest: 'sha1',
    isPss: false,
    own: null,
  },
];

const BASE = { content: 'aes256-cbc', oaep: null, kdf: null, isSent: true } as const;

function keyRows(): EncryptionRow[] {
  const oaep = (hash: OaepHash, mgf1Hash = hash, label = ''): EncryptionRow => ({
    ...BASE,
    kind: 'key',
    id: `rsa-oaep-${hash}${mgf1Hash === hash ? '' : `-mgf1-${mgf1Hash}`}${label === '' ? '' : '-label'}`,
    title: `RSAES-OAEP ${dashed(hash)}${mgf1Hash === hash ? '' : `, MGF1 ${dashed(mgf1Hash)}`}${label === '' ? '' : ', label'}`,
    key: 'rsa',
    oaep: { hash, mgf1Hash, label },
  });
  const agreements = (Object.keys(CURVES) as CurveName[]).map((curve) => ({
    ...BASE,
    kind: 'key' as const,
    id: `ecdh-${curve}`,
    title: `ECDH ${curveTitle(curve)}, ${CURVES[curve].kdf.kind === 'hkdf' ? 'HKDF' : 'X9.63 KDF'} ${dashed(CURVES[curve].kdf.hash)}`,
    key: curve,
    kdf: CURVES[curve].kdf.hash as DigestName,
  }));
  const kems = (Object.keys(KEMS) as KemName[]).map((kem) => ({
    ...BASE,
    kind: 'key' as const,
    id: kem,
    title: `${kem.toUpperCase()}, KEMRecipientInfo`,
    key: kem,
  }));
  return [
    { ...BASE, kind: 'key', id: 'rsa-pkcs1v15', title: 'RSAES-PKCS1-v1_5', key: 'rsa' },
    ...(Object.keys(OAEP_HASHES) as OaepHash[]).map((hash) => oaep(hash)),
    oaep('sha256', 'sha1'),
    oaep('sha256', 'sha256', '53616c6c79706f7274'),
    ...agreements,
    {
      ...BASE,
      kind: 'key',
      id: 'ecdh-p256-sha1',
      title: 'ECDH P-256, X9.63 KDF SHA-1',
      key: 'p256',
      kdf: 'sha1',
      isSent: false,
    },
    ...kems,
  ];
}

function contentTitle(name: ContentName): string {
  if (name === 'chacha20-poly1305') return 'ChaCha20-Poly1305';
  if (name === 'des-ede3-cbc') return '3DES-CBC (legacy)';
  return name.toUpperCase().replace('AES', 'AES-');
}

function contentRows(): EncryptionRow[] {
  return (Object.keys(CONTENT_ALGORITHMS) as ContentName[]).map((content) => ({
    ...BASE,
    kind: 'content',
    id: content,
    title: contentTitle(content),
    key: 'rsa',
    content,
    isSent: !CONTENT_ALGORITHMS[content].isLegacy,
  }));
}

export const ROWS: readonly Row[] = [
  ...hashedRows(),
  ...LEGACY_SIGNATURES,
  ...keyRows(),
  ...contentRows(),
];
