import type { FaultId } from '@sallyport/faults';
import type { IdentityFinding } from '../tls-check.ts';
import type { JudgedPolicy } from '../tls-demand-types.ts';
import type { TlsResult, TlsResultType } from '../tls-result.ts';
import type { SmtpTarget } from './session.ts';

/** How the opening of a session ended, as far as TLS is concerned. */
export type OpeningEnd =
  | { readonly kind: 'tls'; readonly findings: readonly IdentityFinding[] }
  | {
      readonly kind: 'fault';
      readonly fault: FaultId;
      readonly sentence: string;
      readonly findings: readonly IdentityFinding[];
    };

const FAULT_RESULT: Partial<Record<FaultId, TlsResultType>> = {
  'tls-not-offered': 'starttls-not-supported',
  'tls-not-trusted': 'certificate-not-trusted',
  'tls-handshake-failed': 'validation-failure',
};

/**
 * The results of one try under each policy that counted (RFC 8460 section 4.3). Trouble of the network
 * is no result (section 4.3.4), but a policy that could not be had is one in any case.
 */
export function resultsOf(
  policies: readonly JudgedPolicy[],
  target: Pick<SmtpTarget, 'host' | 'address'>,
  end: OpeningEnd,
): readonly TlsResult[] {
  const way = { mx: target.host, address: target.address };
  return policies.flatMap(({ policy, failure }): TlsResult[] => {
    const found = failure ?? failureOf(policy.type, end);
    if (found === 'nothing') return [];
    if (found === null) return [{ policy, result: 'success', reason: null, ...way }];
    return [{ policy, ...found, ...way }];
  });
}

function failureOf(
  type: TlsResult['policy']['type'],
  end: OpeningEnd,
): JudgedPolicy['failure'] | 'nothing' {
  const own = end.findings.find(({ check }) =>
    type === 'sts'
      ? check.kind === 'names' && check.policy === 'sts'
      : type === 'tlsa' && check.kind === 'dane',
  );
  if (own !== undefined) return own.failure;
  if (end.kind === 'tls') return null;
  const result = FAULT_RESULT[end.fault];
  if (result === undefined) return 'nothing';
  const [other] = end.findings.flatMap(({ failure }) => failure ?? []);
  return other ?? { result, reason: end.sentence };
}
