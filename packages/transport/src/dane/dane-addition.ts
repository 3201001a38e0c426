import type { JudgedPolicy, TlsAddition, TlsHopFacts, TlsRefusal } from '../tls-demand-types.ts';
import type { TlsResultType } from '../tls-result.ts';
import { asksTlsa, type TlsRule } from '../tls-rule.ts';
import type { TlsaFinding } from './locate-tlsa.ts';
import { formatTlsa, usableRecords } from './tlsa-records.ts';

/** As many as a report needs to show what stood in the DNS. */
const MAX_STRINGS = 8;

/** What TLSA records add to a rule (RFC 7672 sections 2.2 and 6). */
export function daneAddition(rule: TlsRule, facts: TlsHopFacts): TlsAddition | TlsRefusal {
  if (!asksTlsa(rule)) return {};
  const { tlsa, host, hostSource } = facts;
  if (tlsa?.kind === 'failure') {
    // RFC 7672 section 2.1.2: a host whose TLSA lookup fails is treated as unreachable
    const sentence = `whether ${host} has TLSA records could not be learnt: ${tlsa.reason}`;
    const policies = [judged(facts, null, 'dnssec-invalid', tlsa.reason)];
    return { kind: 'refuse', fault: 'tlsa-unavailable', sentence, policies };
  }
  const isOnly = rule.level === 'dane-only';
  if (tlsa === null || tlsa.kind === 'none') {
    const why = tlsa === null ? 'nobody looked for TLSA records' : tlsa.reason;
    return isOnly ? required(facts, null, why) : {};
  }
  // RFC 7672 section 2.2.1: whoever forged the MX answer also chose the host and its records
  if (isOnly && hostSource === 'insecure-mx') {
    return required(facts, tlsa, 'the MX answer is not proven by DNSSEC');
  }
  return withRecords(tlsa, facts, isOnly);
}

type Records = Extract<TlsaFinding, { kind: 'records' }>;

function withRecords(tlsa: Records, facts: TlsHopFacts, isOnly: boolean): TlsAddition | TlsRefusal {
  const records = usableRecords(tlsa.records);
  const isMandatory = true;
  const serverName = tlsa.baseDomain; // RFC 7672 section 8.1
  if (records.length === 0) {
    const why = `none of the TLSA records of ${tlsa.baseDomain} is usable`;
    if (isOnly) return required(facts, tlsa, why, 'tlsa-invalid');
    // RFC 7672 section 2.2.3: the host has promised TLS, though nothing tells who it is
    const policies = [judged(facts, tlsa, 'tlsa-invalid', why)];
    return { isMandatory, serverName, policies, note: `${why}: TLS is demanded, no identity` };
  }
  const policies = [judged(facts, tlsa, null)];
  const checks = [{ kind: 'dane', records, names: tlsa.names } as const];
  const weak =
    facts.hostSource === 'insecure-mx'
      ? { note: `the MX answer is not proven, so DANE vouches for ${facts.host} alone` }
      : {};
  return { isMandatory, serverName, checks, policies, ...weak };
}

function required(
  facts: TlsHopFacts,
  tlsa: Records | null,
  why: string,
  result: TlsResultType = 'dane-required',
): TlsRefusal {
  const sentence = `level dane-only finds no usable TLSA records for ${facts.host}: ${why}`;
  const policies = [judged(facts, tlsa, result, why)];
  return { kind: 'refuse', fault: 'dane-required', sentence, policies };
}

function judged(
  facts: TlsHopFacts,
  tlsa: Records | null,
  result: TlsResultType | null,
  reason = '',
): JudgedPolicy {
  const policy = {
    type: 'tlsa',
    domain: tlsa?.baseDomain ?? facts.host,
    strings: (tlsa?.records ?? []).slice(0, MAX_STRINGS).map(formatTlsa),
    isEnforced: true,
  } as const;
  return { policy, failure: result === null ? null : { result, reason } };
}
