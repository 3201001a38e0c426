import type { CmsLimits, CurveName, KdfHash, OaepHash } from '@sallyport/cms';
import type { FaultId } from '@sallyport/faults';
import type { Entity, MimeLimits } from '@sallyport/mime';
import type { Certificate } from '@sallyport/pki';
import type { SignatureTypeName } from './outward.ts';

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
  readonly outside: Entity;
  readonly inside: Entity | null;
}

/** A cryptographic part that cannot be taken apart. */
export interface BrokenLayer {
  readonly kind: 'broken';
  readonly fault: FaultId;
  readonly reason: string;
  readonly outside: Entity;
}

export type Layer = SignedLayer | EncryptedLayer | BrokenLayer;

export interface OpenedMessage {
  readonly root: Entity;
  /** From the root inward to the first part that is not cryptographic (DS-G2). */
  readonly layers: readonly Layer[];
  /** The innermost entity that could be reached. */
  readonly content: Entity;
  /** True if some part deeper in the MIME tree is signed or encrypted on its own. */
  readonly partial: boolean;
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
  readonly recipient:
    | {
        readonly kind: 'ktri';
        readonly algorithm:
          | { readonly kind: 'pkcs1v15' }
          | {
              readonly kind: 'oaep';
              readonly hash: OaepHash;
              readonly mgf1Hash: OaepHash;
              readonly label: Buffer;
            };
        readonly encryptedKey: Buffer;
      }
    | {
        readonly kind: 'kari';
        readonly curve: CurveName;
        readonly originatorPublicKey: Buffer;
        readonly kdfHash: KdfHash;
        readonly ukm: Buffer | null;
        readonly wrap: 'aes128' | 'aes192' | 'aes256';
        /** The wrap's AlgorithmIdentifier as it stood: ECC-CMS-SharedInfo repeats it. */
        readonly wrapParameters: 'absent' | 'null';
        readonly encryptedKey: Buffer;
      };
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
  readonly limits: { readonly mime: MimeLimits; readonly cms: CmsLimits; readonly depth: number };
}

export type ReadMessage =
  | { readonly kind: 'opened'; readonly message: OpenedMessage }
  | { readonly kind: 'malformed'; readonly fault: FaultId; readonly reason: string };
