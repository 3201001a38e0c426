import type { FaultId } from '@sallyport/faults';
import type { Content } from '@sallyport/mail';
import type { ContentName, DigestName, KeyBytes, LegacyAlgorithm } from './algorithms.ts';
import type { CurveName, HkdfHash, Kdf, KemName, WrapName } from './algorithms-keys.ts';
import type { Capability } from './capabilities.ts';
import type { OaepParameters } from './oaep.ts';

export type NonEmpty<T> = readonly [T, ...T[]];

/** What cms must know of a certificate; pki's Certificate satisfies it. */
export interface CmsCertificate {
  readonly der: Buffer;
  /** DER Name. */
  readonly issuer: Buffer;
  /** Content octets of the INTEGER. */
  readonly serial: Buffer;
  readonly subjectKeyId: Buffer | null;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
}

export interface CmsLimits {
  readonly maxBytes: number;
  readonly maxSigners: number;
  readonly maxRecipients: number;
  readonly maxCertificates: number;
  /** Octets that one octet of compressed content may become; 100 if absent. */
  readonly maxExpansion?: number;
}

/** What a CMS object turned out to be. Malformed bytes are a value, never an exception. */
export type CmsObject =
  | { readonly kind: 'signed'; readonly value: SignedDataView }
  | { readonly kind: 'enveloped'; readonly value: EnvelopedDataView }
  | { readonly kind: 'auth-enveloped'; readonly value: AuthEnvelopedDataView }
  | { readonly kind: 'compressed'; readonly value: CompressedDataView }
  | { readonly kind: 'data'; readonly content: Content }
  | { readonly kind: 'unsupported'; readonly contentType: string }
  | { readonly kind: 'malformed'; readonly fault: FaultId; readonly reason: string };

/** RFC 3274 section 1.1. */
export interface CompressedDataView {
  /** OID of compressionAlgorithm. */
  readonly algorithm: string;
  readonly contentType: string;
  /** As it came, not yet decompressed; null if it is absent. */
  readonly compressed: Content | null;
}

/** RFC 5652 section 5.1. */
export interface SignedDataView {
  readonly digestAlgorithms: readonly string[];
  readonly eContentType: string;
  /** Null if the content is detached. */
  readonly eContent: Content | null;
  /** Raw DER, in the order given. */
  readonly certificates: readonly Buffer[];
  readonly crls: readonly Buffer[];
  readonly signerInfos: readonly SignerInfoView[];
}

/** Names a certificate: RFC 5652 sections 5.3 and 6.2. */
export type CertificateReference =
  | { readonly kind: 'issuerAndSerial'; readonly issuer: Buffer; readonly serial: Buffer }
  | { readonly kind: 'subjectKeyId'; readonly subjectKeyId: Buffer };

/** The certificate that the signer says is his (RFC 2634 section 5.4, RFC 5035 section 4). */
export interface SigningCertificateView {
  /** null: a hash that we do not know. */
  readonly hashAlgorithm: DigestName | 'sha1' | null;
  readonly hash: Buffer;
  /** Serial number of issuerSerial; null if that is absent. */
  readonly serial: Buffer | null;
  /** DER Name of issuerSerial; null if that is absent or names several. */
  readonly issuer: Buffer | null;
}

/** RFC 5652 section 5.3. */
export interface SignerInfoView {
  readonly sid: CertificateReference;
  readonly digestAlgorithm: DigestName | null;
  readonly digestOid: string;
  readonly signatureOid: string;
  /** DER of the parameters of signatureAlgorithm; null if absent. */
  readonly signatureParameters: Buffer | null;
  /** The SET OF Attribute as it was signed, tag 0x31; null if absent. */
  readonly signedAttrs: Buffer | null;
  /** Signed attributes: OID to DER values. */
  readonly attributes: ReadonlyMap<string, readonly Buffer[]>;
  /** Attributes that come twice, or hold two values where one is allowed. */
  readonly duplicateAttributes: readonly string[];
  /** Known attributes whose value cannot be read, or that stand among the unsigned ones. */
  readonly malformedAttributes: readonly string[];
  readonly signature: Buffer;
  readonly signingTime: Date | null;
  /** OIDs of the SignatureType attribute (RFC 3183 section 3.1.2); null if it is absent. */
  readonly signatureTypes: readonly string[] | null;
  readonly signingCertificate: SigningCertificateView | null;
  readonly signingCertificateV2: SigningCertificateView | null;
  /** What the signer says it can read (RFC 8551 section 2.5.2); null if absent or unreadable. */
  readonly capabilities: readonly Capability[] | null;
  /** The certificate it wants mail encrypted to (RFC 8551 section 2.5.3); null as above. */
  readonly encryptionKeyPreference: CertificateReference | null;
}

export type SignerCheck =
  /** `legacy`: what it rests on that nobody should use any more; never empty. */
  | { readonly kind: 'valid'; readonly legacy?: NonEmpty<LegacyAlgorithm> }
  | { readonly kind: 'invalid'; readonly fault: FaultId; readonly reason: string }
  | { readonly kind: 'unverifiable'; readonly fault: FaultId; readonly reason: string };

export interface ContentEncryptionView {
  readonly oid: string;
  /** null: not an algorithm for this kind of object. */
  readonly name: ContentName | null;
  /** IV of CBC or nonce of GCM; null if the parameters cannot be read. */
  readonly iv: Buffer | null;
  readonly keyBytes: KeyBytes | null;
  /** Length of the tag, of AuthEnvelopedData only. */
  readonly tagBytes?: number;
}

/** RFC 5652 section 6.1. */
export interface EnvelopedDataView {
  readonly recipients: readonly RecipientInfoView[];
  readonly contentType: string;
  readonly contentEncryption: ContentEncryptionView;
  readonly encryptedContent: Content;
}

/** RFC 5083 section 2.1. */
export interface AuthEnvelopedDataView extends EnvelopedDataView {
  readonly mac: Buffer;
  /** DER SET OF, tag 0x31: additional authenticated data. */
  readonly authAttrs: Buffer | null;
}

export type KeyTransportAlgorithm =
  | { readonly kind: 'pkcs1v15' }
  | ({ readonly kind: 'oaep' } & OaepParameters)
  | { readonly kind: 'unsupported'; readonly oid: string };

export interface KtriView {
  readonly kind: 'ktri';
  readonly rid: CertificateReference;
  readonly algorithm: KeyTransportAlgorithm;
  readonly encryptedKey: Buffer;
}

export interface KariView {
  readonly kind: 'kari';
  readonly curve: CurveName;
  /** The point, as sent: compressed or not; of X25519 the 32 octets. */
  readonly originatorPublicKey: Buffer;
  readonly kdf: Kdf;
  readonly ukm: Buffer | null;
  readonly wrap: WrapName;
  /** ECC-CMS-SharedInfo repeats the wrap's AlgorithmIdentifier as it stood (RFC 5753 section 7.2). */
  readonly wrapParameters: 'absent' | 'null';
  readonly recipients: readonly {
    readonly rid: CertificateReference;
    readonly encryptedKey: Buffer;
  }[];
}

/** KEMRecipientInfo (RFC 9629 section 3). */
export interface KemriView {
  readonly kind: 'kemri';
  readonly rid: CertificateReference;
  readonly set: KemName;
  readonly ciphertext: Buffer;
  readonly kdf: { readonly hash: HkdfHash };
  readonly ukm: Buffer | null;
  readonly wrap: WrapName;
  /** CMSORIforKEMOtherInfo repeats the wrap's AlgorithmIdentifier as it stood. */
  readonly wrapParameters: 'absent' | 'null';
  readonly encryptedKey: Buffer;
}

export type RecipientInfoView =
  | KtriView
  | KariView
  | KemriView
  /** `type`: the tag of the RecipientInfo choice; 0 is ktri. */
  | { readonly kind: 'unsupported'; readonly type: number };

/** What one recipient's key needs to open the content-encryption key, and nothing else of the message. */
export type RecipientKey =
  | {
      readonly kind: 'ktri';
      readonly algorithm: Exclude<KeyTransportAlgorithm, { readonly kind: 'unsupported' }>;
      readonly encryptedKey: Buffer;
    }
  | ({ readonly kind: 'kari'; readonly encryptedKey: Buffer } & Pick<
      KariView,
      'curve' | 'originatorPublicKey' | 'kdf' | 'ukm' | 'wrap' | 'wrapParameters'
    >)
  | ({ readonly kind: 'kem' } & Omit<KemriView, 'kind' | 'rid'>);
