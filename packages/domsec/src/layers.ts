import type { Capability, CertificateReference, CmsLimits, RecipientKey } from '@sallyport/cms';
import type { FaultId } from '@sallyport/faults';
import type { Entity, MimeLimits } from '@sallyport/mime';
import type { Certificate } from '@sallyport/pki';
import type { ProtectedHeader } from './header-protection-read.ts';
import type { EssAttributes } from './labels-read.ts';
import type { SignatureTypeName } from './sign-layer.ts';

/** One SignerInfo after the cryptographic check; trust and names are judged later. */
export interface LayerSigner {
  /** Null if no certificate for it was in the message or at hand. */
  readonly certificate: Certificate | null;
  readonly check:
    | { readonly kind: 'valid' }
    | {
        readonly kind: 'invalid' | 'unverifiable';
        readonly fault: FaultId;
        readonly reason: string;
      };
  /** Types of the SignatureType attribute; null if it is absent; unknown OIDs stay OIDs. */
  readonly types: readonly (SignatureTypeName | string)[] | null;
  readonly signingTime: Date | null;
  readonly digestAlgorithm: string;
  readonly signatureAlgorithm: string;
  /** Algorithms it rests on that nobody should use any more, worked out because `legacy` says so. */
  readonly legacy: readonly string[];
  /** Signed attributes: OID to DER values. They prove nothing unless `check` is valid. */
  readonly attributes: ReadonlyMap<string, readonly Buffer[]>;
  /** Labels, receipt request, list history and hints among them (RFC 2634). */
  readonly ess: EssAttributes;
  /** What it says it can read, in its order (RFC 8551 section 2.5.2); null if it does not say. */
  readonly capabilities: readonly Capability[] | null;
  /** The certificate it wants mail encrypted to (RFC 8551 section 2.5.3). */
  readonly encryptionKeyPreference: CertificateReference | null;
}

export interface SignedLayer {
  readonly kind: 'signed';
  readonly form: 'opaque' | 'clear';
  /** RFC 3183 section 3: a SignedData without signers; never reported as signed (DS-V10). */
  readonly empty: boolean;
  readonly signers: readonly LayerSigner[];
  /** Certificates that came along, for path building. */
  readonly certificates: readonly Certificate[];
  /** The entity that carries the layer, byte-exact, and the one inside. */
  readonly outside: Entity;
  readonly inside: Entity;
}

export interface EncryptedLayer {
  readonly kind: 'encrypted';
  readonly authenticated: boolean;
  readonly contentAlgorithm: string;
  /** `opened`: our domain key opened it. `failed`: it was for us and did not open. `foreign`: not for us. */
  readonly state: 'opened' | 'failed' | 'foreign';
  readonly keyId: string | null;
  /** As with signers. */
  readonly legacy: readonly string[];
  /** Its content cipher, or each of its recipients, is of a form that we cannot read. */
  readonly isUnsupported: boolean;
  readonly outside: Entity;
  readonly inside: Entity | null;
}

/** RFC 8551 section 3.6: compressed content; it proves nothing and hides nothing. */
export interface CompressedLayer {
  readonly kind: 'compressed';
  readonly outside: Entity;
  readonly inside: Entity;
}

/** A cryptographic part that cannot be taken apart. */
export interface BrokenLayer {
  readonly kind: 'broken';
  readonly fault: FaultId;
  readonly reason: string;
  readonly outside: Entity;
}

export type Layer = SignedLayer | EncryptedLayer | CompressedLayer | BrokenLayer;

export interface OpenedMessage {
  readonly root: Entity;
  /** From the root inward to the first part that is not cryptographic (DS-G2). */
  readonly layers: readonly Layer[];
  /** The innermost entity that could be reached. */
  readonly content: Entity;
  /** True if some part deeper in the MIME tree is signed or encrypted on its own. */
  readonly partial: boolean;
  /** The header fields inside of the protection, and how they are marked. */
  readonly protectedHeader: ProtectedHeader;
}

/** Asks the keyholder for the content key of one recipient info. */
export interface KeyUnwrapper {
  /**
   * A key of the right length, even where the encrypted key is bad (RFC 3218).
   *
   * @throws if the keyholder cannot be asked.
   */
  unwrap(request: UnwrapRequest): Promise<Buffer>;
}

export interface UnwrapRequest {
  readonly keyId: string;
  readonly keyBytes: 16 | 24 | 32;
  readonly recipient: RecipientKey;
}

/** A domain decryption key of ours, by its certificate. */
export interface OwnRecipient {
  readonly keyId: string;
  readonly certificate: Certificate;
}

export interface OpenOptions {
  readonly ownRecipients: readonly OwnRecipient[];
  readonly unwrapper: KeyUnwrapper;
  /**
   * Says whether this encrypted key may be opened: false if it was seen with other content, which
   * only somebody who probes would send (design section 4).
   */
  readonly mayOpen: (encryptedKey: Buffer, contentDigest: Buffer) => Promise<boolean>;
  /** Signer certificates at hand beside those in the message. */
  readonly knownCertificates: readonly Certificate[];
  /**
   * `any`: what a layer holds need not be a MIME entity and is then taken for text without a
   * header, as bare CMS objects have it. `mime`, the default: it must be one.
   */
  readonly contentForm?: 'mime' | 'any';
  /** Work out SHA-1 signatures and 3DES content too; the layers name them. Else they are not taken. */
  readonly legacy?: boolean;
  readonly limits: { readonly mime: MimeLimits; readonly cms: CmsLimits; readonly depth: number };
}

export type ReadMessage =
  | { readonly kind: 'opened'; readonly message: OpenedMessage }
  | { readonly kind: 'malformed'; readonly fault: FaultId; readonly reason: string };
