import { formatMailbox, type Mailbox } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import type { OpenedMessage, SignedLayer } from './layers.ts';
import { checkAuthorityName, checkNameMapping, isNamedBy } from './naming.ts';
import type { LayerReport } from './verdict-types.ts';

/** What is said of a message by those who reviewed it. */
export type ReviewState =
  | { readonly kind: 'reviewed'; readonly reviewer: string }
  | { readonly kind: 'none' }
  /** There is a review signature, and it does not count. */
  | { readonly kind: 'unusable'; readonly reason: string };

/**
 * Looks for a review signature that counts (RFC 3183 sections 2.2 and 3.4; DS-V9): verified, of a
 * review-authority, in the domain of the originators or named in `reviewers`. The RFC has no
 * mapping rule for reviewers; this is the local one, since any partner's CA can name a reviewer.
 */
export function reviewState(
  message: OpenedMessage,
  reports: readonly LayerReport[],
  options: ReviewOptions,
): ReviewState {
  const states = message.layers.flatMap((layer, index) => {
    const report = reports[index];
    return layer.kind === 'signed' && report?.kind === 'signed'
      ? reviewsIn(layer, report, options)
      : [];
  });
  return states.find(({ kind }) => kind === 'reviewed') ?? states[0] ?? { kind: 'none' };
}

interface ReviewOptions {
  readonly originators: readonly Mailbox[];
  readonly reviewers: readonly string[];
}

function reviewsIn(
  layer: SignedLayer,
  report: Extract<LayerReport, { kind: 'signed' }>,
  options: ReviewOptions,
): ReviewState[] {
  return layer.signers.flatMap(({ types, certificate }, at): ReviewState[] => {
    if (types?.includes('review') !== true) return [];
    const signer = report.signers[at];
    const isVerified = report.state === 'valid' && signer?.state === 'valid';
    const reason =
      !isVerified || certificate === null
        ? 'the review signature does not verify'
        : checkReviewer(certificate, options);
    return [
      reason === null
        ? { kind: 'reviewed', reviewer: signer?.name ?? '' }
        : { kind: 'unusable', reason },
    ];
  });
}

function checkReviewer(certificate: Certificate, options: ReviewOptions): string | null {
  const named = checkAuthorityName(certificate, 'review');
  if (named.kind === 'mismatch') return named.reason;
  if (options.reviewers.some((name) => isNamedBy(certificate, name))) return null;
  const mapped = checkNameMapping(certificate, options.originators);
  if (mapped.kind === 'ok') return null;
  return `the reviewer does not stand for ${options.originators.map(formatMailbox).join(', ')}`;
}
