import type { TLS_RESULT_TYPES } from '@sallyport/audit-log';

/** RFC 8460 section 4.3: how TLS fared. */
export type TlsResultType = (typeof TLS_RESULT_TYPES)[number];

/** A policy that the recipient's side published and that counted on a way (RFC 8460 section 4.4). */
export interface PublishedPolicy {
  readonly type: 'tlsa' | 'sts' | 'no-policy-found';
  /** The domain that published it; for TLSA the base domain of the host (RFC 8460 section 1.1). */
  readonly domain: string;
  /** What it says, line by line or record by record; cut to a bounded length. */
  readonly strings: readonly string[];
  /** False where the failure is only reported: MTA-STS in mode testing, or no policy at all. */
  readonly isEnforced: boolean;
}

/** How one try to reach one host fared under one published policy: what a TLS report counts. */
export interface TlsResult {
  readonly policy: PublishedPolicy;
  readonly result: TlsResultType;
  /** RFC 8460 section 4.4 failure-reason-code: one sentence; null for a success. */
  readonly reason: string | null;
  readonly mx: string;
  readonly address: string | null;
}
