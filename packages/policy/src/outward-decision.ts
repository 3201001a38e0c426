import type { FaultId } from '@sallyport/faults';
import type { ValidatedCertificate } from '@sallyport/pki';
import type { ContentCipher, KeyTransport } from './algorithms.ts';
import type { CapabilityFacts, ChoiceSource } from './choose-algorithms.ts';
import type { ListFacts, ReviewFacts } from './decide-layers.ts';
import type { Permit } from './permit.ts';
import type { OutboundPolicy } from './schema.ts';
import type { FilterFacts } from './verdict.ts';

/** Why a certificate that was found cannot be used; worst for the sender to act on last. */
export type Unusable =
  | 'untrusted'
  | 'mismatch'
  | 'unfit'
  | 'expired'
  | 'revoked'
  /** Another one is pinned, and an admin must approve of this (design section 6). */
  | 'key-changed';

/** What could not be asked: the certificate, or whether it is revoked. */
export type LookupFault = 'directory-unreachable' | 'dns-failure' | 'revocation-unavailable';

/** A path to an anchor of this partner, the word of an admin, or SMIMEA under DNSSEC (RFC 8162). */
export type Proof = 'path' | 'pinned' | 'dnssec';

export type CertificateFacts =
  | {
      readonly kind: 'found';
      readonly certificate: ValidatedCertificate;
      readonly door: string;
      /** Whose it is; absent: the domain's. A person's is taken only where the rule names it. */
      readonly owner?: 'domain' | 'user';
      /** What makes it trusted; absent: a path. */
      readonly proof?: Proof;
      /** What its owner can read, as far as it was announced. */
      readonly capabilities?: CapabilityFacts;
    }
  /** Every door answered; `unusable` is why the best find cannot be used, null if there was none. */
  | {
      readonly kind: 'none';
      readonly unusable: Unusable | null;
    }
  | { readonly kind: 'unavailable'; readonly fault: LookupFault }
  /** The rule does not ask for encryption. */
  | { readonly kind: 'not-looked-up' };

export interface OutwardFacts {
  readonly originator: 'authenticated' | 'unknown';
  /** Signatures inside the message, those inside encryption included (DS-G2). */
  readonly innerSignatures: 'none' | 'valid' | 'invalid' | 'unverifiable';
  /** A review signature on it (DS-V9); absent: none. */
  readonly review?: ReviewFacts;
  /** What mail list handling demands (RFC 3183 section 5); absent: nothing. */
  readonly list?: ListFacts;
  readonly certificate: CertificateFacts;
  readonly filter: FilterFacts;
  /** How long the message has waited since it was accepted. */
  readonly waitedMs: number;
  /** Length once protected, and what the next hop says it takes; null if it says nothing. */
  readonly protectedBytes: number;
  readonly nextHopLimitBytes: number | null;
  /** A hold by the content filter was lifted by an admin. */
  readonly released: boolean;
  readonly now: Date;
}

/** Why mail that should be encrypted when possible leaves only signed. */
export type Without = 'lookup-unavailable' | 'no-certificate' | 'key-unusable';

interface Because {
  readonly rule: string;
  readonly sentence: string;
}

export type OutwardDecision =
  | (Because & {
      readonly kind: 'protect';
      readonly permit: Permit;
      readonly sign: boolean;
      readonly profile: OutboundPolicy['profile'];
      readonly protectHeaders: boolean;
      readonly headerConfidentiality: OutboundPolicy['headerConfidentiality'];
      readonly innerEncoding: 'base64' | 'binary';
      readonly encryptTo: ValidatedCertificate;
      /** Behind which door its certificate was found. */
      readonly door: string;
      readonly owner: 'domain' | 'user';
      readonly proof: Proof;
      readonly content: ContentCipher;
      readonly keyTransport: KeyTransport;
      /** Who decided: the rule, what the recipient announced, its certificate, or the default. */
      readonly contentSource: ChoiceSource;
      readonly keyTransportSource: ChoiceSource;
      readonly originatorInfo: OutboundPolicy['originatorInfo'];
    })
  | (Because & {
      readonly kind: 'sign-only';
      readonly permit: Permit;
      readonly profile: OutboundPolicy['profile'];
      readonly protectHeaders: boolean;
      readonly innerEncoding: 'base64' | 'binary';
      /** Set when encryption was wanted and could not be had; recorded. */
      readonly without: Without | null;
    })
  | (Because & { readonly kind: 'pass'; readonly permit: Permit })
  | (Because & { readonly kind: 'hold'; readonly fault: FaultId })
  | (Because & { readonly kind: 'refuse'; readonly fault: FaultId })
  | (Because & { readonly kind: 'wait'; readonly fault: FaultId; readonly waitMs: number | null });
