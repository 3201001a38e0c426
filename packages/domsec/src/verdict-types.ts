import type { FaultId, VerdictFaultId } from '@sallyport/faults';
import type { Mailbox } from '@sallyport/mail';
import type { Certificate, RevocationSummary, ValidatedCertificate } from '@sallyport/pki';
import type { EncryptedLayer, SignedLayer } from './layers.ts';
import type { NameMappingOptions } from './naming.ts';

/** What the message as a whole may claim, in the words of design section 8. */
export interface Verdict {
  readonly signature: 'valid' | 'invalid' | 'none' | 'unverifiable';
  readonly signatureType: 'domain' | 'originator' | 'review' | 'additional-attributes' | null;
  /** The name in the certificate of the signer that decided; null without one. */
  readonly signer: string | null;
  readonly originator: 'authenticated' | 'domain-only' | 'unknown';
  readonly mapping: 'ok' | 'mismatch' | 'exception' | null;
  readonly encryption: 'domain' | 'user' | 'none';
  readonly scope: 'whole' | 'partial';
  /** One sentence: what was found and what it means. */
  readonly reason: string;
  readonly integrity: boolean;
  readonly fault: VerdictFaultId | null;
  /** Algorithms that the verdict rests on and that nobody should use any more, by name. */
  readonly legacy: readonly string[];
  /** What is known of the revocation of the signer that decided; absent if nobody validated one. */
  readonly revocation?: RevocationSummary;
  readonly layers: readonly LayerReport[];
}

export type LayerReport =
  | { readonly kind: 'empty' }
  | { readonly kind: 'compressed' }
  | { readonly kind: 'broken'; readonly fault: FaultId; readonly reason: string }
  | {
      readonly kind: 'encrypted';
      readonly state: EncryptedLayer['state'];
      readonly algorithm: string;
      readonly authenticated: boolean;
      readonly keyId: string | null;
      readonly legacy: readonly string[];
    }
  | {
      readonly kind: 'signed';
      readonly form: SignedLayer['form'];
      readonly state: 'valid' | 'invalid' | 'unverifiable';
      readonly role: Role;
      readonly mapping: Verdict['mapping'];
      readonly signers: readonly SignerReport[];
    };

export interface SignerReport {
  readonly name: string;
  readonly state: 'valid' | 'invalid' | 'unverifiable';
  readonly reason: string;
  readonly types: readonly string[] | null;
  readonly fingerprint: string | null;
  readonly signingTime: string | null;
  readonly digestAlgorithm: string;
  readonly signatureAlgorithm: string;
  readonly legacy: readonly string[];
  /** Whether the name in the certificate stands for every originator; null without a certificate. */
  readonly mapping: Verdict['mapping'];
  /** Why it does not; empty otherwise. */
  readonly mismatch: string;
  /** What is known of its revocation; absent without a path. */
  readonly revocation?: RevocationSummary;
}

export type Role = 'domain' | 'originator' | 'review' | 'additional-attributes' | 'other';

export type NamingRule = NameMappingOptions | undefined;

export interface JudgeOptions {
  /** Every outer and protected RFC5322.From mailbox, and Sender: all must be covered (DS-N10). */
  readonly originators: readonly Mailbox[];
  /** Says whether a signer's certificate has a path to an anchor of this partner. */
  readonly validate: (
    certificate: Certificate,
    others: readonly Certificate[],
  ) =>
    | {
        readonly kind: 'valid';
        /** With it the subject of an originator's certificate counts in name mapping (DS-N10). */
        readonly certificate?: ValidatedCertificate;
      }
    | {
        readonly kind: 'invalid';
        readonly reason: string;
        /**
         * What it comes to; `signer-not-trusted` if absent. `signer-revoked` makes the signature
         * invalid; `revocation-unavailable` says that everything else about the path is good.
         */
        readonly fault?: FaultId;
      };
  /**
   * What naming may use. As a function it is asked for each originator apart: an exception or a
   * domain of one partner must not stand for the originators of another.
   */
  readonly naming: NamingRule | ((originator: Mailbox) => NamingRule);
  /** Whether algorithms count that nobody should use any more; `refuse` if it is not said. */
  readonly legacy?: 'refuse' | 'accept';
}

/** What one layer is judged by: the options, and what the message shows people as its author. */
export interface LayerJudgeOptions extends JudgeOptions {
  /** Addresses in display names and comments of From and Sender. */
  readonly shown: readonly Mailbox[] | null;
  /** The originators' own certificates that signatures in the message prove. */
  readonly originatorCertificates: readonly ValidatedCertificate[];
}

/** A signed layer with trust and names judged. */
export interface JudgedLayer {
  readonly layer: SignedLayer;
  readonly index: number;
  readonly role: Role;
  readonly state: 'valid' | 'invalid' | 'unverifiable';
  readonly mapping: Verdict['mapping'];
  readonly fault: FaultId | null;
  readonly reason: string;
  readonly signers: readonly SignerReport[];
  /** The signer that decided for the layer. */
  readonly name: string;
}
