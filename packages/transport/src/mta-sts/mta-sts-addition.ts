import type { JudgedPolicy, TlsAddition, TlsHopFacts, TlsRefusal } from '../tls-demand-types.ts';
import { asksMtaSts, type TlsRule } from '../tls-rule.ts';
import type { MtaStsFinding } from './locate.ts';
import { allowsMx, policyLines } from './policy.ts';

type Applied = Extract<MtaStsFinding, { kind: 'policy' }>;

/**
 * What an MTA-STS policy adds to a rule (RFC 8461 section 5). Never less than DANE, which is judged
 * before (section 2): where usable TLSA records of a proven MX tell who the server is, they are
 * enough; where they tell less, both must be met.
 */
export function mtaStsAddition(
  rule: TlsRule,
  facts: TlsHopFacts,
  dane: TlsAddition,
): TlsAddition | TlsRefusal {
  const { mtaSts, hostSource, nexthopDomain } = facts;
  if (!asksMtaSts(rule) || mtaSts === null || mtaSts.kind === 'none') return {};
  if (mtaSts.kind === 'lost') {
    // A fault of our own must not lift what a domain demands.
    const sentence = `the MTA-STS policy of ${nexthopDomain} that was known here cannot be read: ${mtaSts.reason}`;
    return { kind: 'refuse', fault: 'mta-sts-not-met', sentence, policies: [] };
  }
  if (mtaSts.kind === 'unavailable') {
    // RFC 8461 section 3.3: without a policy that is known, delivery goes on as if there were none
    const failure = { result: mtaSts.fault, reason: mtaSts.reason };
    return { policies: [{ policy: published(facts, null), failure }] };
  }
  const isDaneEnough = (dane.checks ?? []).length > 0 && hostSource !== 'insecure-mx';
  return isDaneEnough ? {} : applied(mtaSts, facts);
}

function applied(found: Applied, facts: TlsHopFacts): TlsAddition | TlsRefusal {
  const { host, nexthopDomain } = facts;
  const policy = published(facts, found);
  const stale = found.problem;
  const refresh: JudgedPolicy[] =
    stale === null ? [] : [{ policy, failure: { result: stale.fault, reason: stale.reason } }];
  const isEnforced = found.policy.mode === 'enforce';
  if (!allowsMx(found.policy, host)) {
    const reason = `its MTA-STS policy does not allow the host ${host}`;
    const failure = { result: 'validation-failure', reason: `mx-mismatch: ${reason}` } as const;
    const policies = [...refresh, { policy, failure }];
    if (!isEnforced) return { policies };
    const sentence = `${nexthopDomain}: ${reason}`;
    return { kind: 'refuse', fault: 'mta-sts-not-met', sentence, policies };
  }
  // RFC 8461 section 4.2: the certificate must be for the MX host
  const check = { kind: 'names', names: [host], policy: 'sts' } as const;
  const policies = [...refresh, { policy, failure: null }];
  return isEnforced
    ? { isMandatory: true, checks: [check], serverName: host, policies }
    : { observed: [check], policies };
}

function published({ nexthopDomain }: TlsHopFacts, found: Applied | null): JudgedPolicy['policy'] {
  return {
    type: 'sts',
    domain: nexthopDomain,
    strings: found === null ? [] : policyLines(found.policy),
    isEnforced: found?.policy.mode === 'enforce',
  };
}
