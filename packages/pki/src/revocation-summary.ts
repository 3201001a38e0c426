import type { RevocationEvidence } from './revocation-types.ts';

/** What revocation checking came to for a whole path, in words for log and people. */
export interface RevocationSummary {
  readonly mode: RevocationEvidence['mode'];
  /** `unknown`: of at least one certificate nothing could be found out. */
  readonly status: 'good' | 'unknown' | 'not-checked';
  /** Why it is unknown; empty otherwise. */
  readonly reason: string;
}

/** The summary of what was found about each certificate of a path that counts as valid. */
export function summariseRevocation({ mode, certificates }: RevocationEvidence): RevocationSummary {
  if (mode === 'off') return { mode, status: 'not-checked', reason: '' };
  for (const { status } of certificates) {
    if (status.kind === 'unknown') return { mode, status: 'unknown', reason: status.reason };
  }
  return { mode, status: 'good', reason: '' };
}

/** The same as part of a sentence. */
export function revocationText(evidence: RevocationEvidence): string {
  const { mode, status } = summariseRevocation(evidence);
  switch (status) {
    case 'not-checked':
      return 'revocation is not checked';
    case 'unknown':
      return `whether it is revoked could not be found out (${mode})`;
    default:
      return `it is not revoked (${mode})`;
  }
}
