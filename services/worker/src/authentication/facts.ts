import type { AuditEvent } from '@sallyport/audit-log';
import type { DmarcFacts } from '@sallyport/policy';

/** RFC 7208 section 2.6. */
export const SPF_RESULTS = [
  'none',
  'neutral',
  'pass',
  'fail',
  'softfail',
  'temperror',
  'permerror',
] as const;

/** RFC 8601 section 2.7.1. */
export const DKIM_RESULTS = [
  'none',
  'pass',
  'fail',
  'policy',
  'neutral',
  'temperror',
  'permerror',
] as const;

/** Whether the client may send for the domain of its reverse-path, or of its HELO. */
export interface SpfFacts {
  readonly result: (typeof SPF_RESULTS)[number];
  readonly identity: 'mailfrom' | 'helo';
  /** The domain that was asked; null if there is none to ask. */
  readonly domain: string | null;
}

/** One DKIM signature. What its field says is not believed before it is `pass`. */
export interface DkimFacts {
  readonly result: (typeof DKIM_RESULTS)[number];
  readonly domain: string | null;
  readonly selector: string | null;
  readonly algorithm: string | null;
  /** How the value of `b=` begins, to tell signatures of one domain apart (RFC 6008). */
  readonly start: string | null;
  /** Why it is not `pass`, in a word or two of ours; null if nothing is to be said. */
  readonly reason: string | null;
}

/** What SPF, DKIM and DMARC say of a message as it was received. */
export interface Authentication {
  readonly spf: SpfFacts;
  /** Of at most five signatures; empty if there is none. */
  readonly dkim: readonly DkimFacts[];
  readonly dmarc: DmarcFacts;
  /** Which of them rest on the word of a trusted front, since we cannot know; empty: none. */
  readonly fromFront: readonly ('spf' | 'dkim' | 'dmarc')[];
}

/** In place of the reason of what a front says. */
export const SAID_BY_FRONT = 'said by a trusted front';

/**
 * True if a report may go to the reverse-path: DMARC passed (design section 4), and the client may
 * send for it. A pass by DKIM alone proves the author, and the reverse-path may be anybody's.
 */
export function provesReversePath({ spf, dmarc }: Authentication): boolean {
  return dmarc.result === 'pass' && spf.result === 'pass' && spf.identity === 'mailfrom';
}

/** What the audit log keeps of it. */
export function authenticationFacts({
  spf,
  dkim,
  dmarc,
  fromFront,
}: Authentication): (AuditEvent & { readonly kind: 'opened' })['authentication'] {
  return {
    spf: { result: spf.result, domain: spf.domain },
    dkim: dkim.map(({ result, domain }) => ({ result, domain })),
    dmarc,
    ...(fromFront.length === 0 ? {} : { fromFront: [...fromFront] }),
  };
}
