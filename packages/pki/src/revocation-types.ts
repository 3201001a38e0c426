import type { UntrustedCertificate } from './certificate.ts';
import type { Crl } from './crl.ts';
import type { RevocationReason } from './crl-entries.ts';
import type { OcspResponse } from './ocsp.ts';

/** An OCSP response as it came, with the nonce that was sent for it, if one was. */
export interface OcspFact {
  readonly response: OcspResponse;
  /** RFC 9654 section 2.1; a response with another nonce is a replay and does not count. */
  readonly nonce?: Buffer;
}

/**
 * Revocation checking (RFC 5280 section 6.3, RFC 6960). All that is known is passed in; nothing is
 * fetched. `hard`: every certificate below the anchor must be shown not to be revoked. `soft`: one
 * that is shown to be revoked is refused, one about which nothing is known is recorded.
 */
export interface RevocationFacts {
  readonly mode: 'hard' | 'soft';
  readonly crls?: readonly Crl[];
  readonly ocsp?: readonly OcspFact[];
}

/** What showed the status of a certificate. */
export type RevocationSource =
  | {
      readonly kind: 'crl';
      /** SHA-256 of the lists that were needed, hexadecimal. */
      readonly fingerprints: readonly string[];
      readonly thisUpdate: Date;
      readonly nextUpdate: Date | null;
    }
  | {
      readonly kind: 'ocsp';
      readonly thisUpdate: Date;
      readonly nextUpdate: Date | null;
      /** The response repeats the nonce of the request. */
      readonly nonceMatched: boolean;
    };

export type RevocationStatus =
  | { readonly kind: 'good'; readonly source: RevocationSource }
  | {
      readonly kind: 'revoked';
      readonly at: Date;
      readonly reason: RevocationReason;
      readonly source: RevocationSource;
    }
  /** The reason is a sentence for the log. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** What was found about each certificate of a path below the anchor, end entity first. */
export interface RevocationEvidence {
  readonly mode: 'hard' | 'soft' | 'off';
  readonly certificates: readonly {
    readonly certificate: UntrustedCertificate;
    readonly status: RevocationStatus;
  }[];
}
