import { daneAddition } from './dane/dane-addition.ts';
import { mtaStsAddition } from './mta-sts/mta-sts-addition.ts';
import type {
  JudgedPolicy,
  TlsAddition,
  TlsDecision,
  TlsHopFacts,
  TlsIdentityCheck,
  TlsRefusal,
} from './tls-demand-types.ts';
import { isMandatory, type TlsRule } from './tls-rule.ts';

/**
 * What TLS must do on one way: the rule, and the strictest of what the recipient's side publishes.
 * Pure and total. Facts add to the rule and never take from it: where they are missing the rule
 * stands alone, and a rule that lives by them refuses.
 *
 * @returns `refuse` with `tlsa-unavailable`, `dane-required`, `mx-not-proven` or `mta-sts-not-met`.
 */
export function decideTls(rule: TlsRule, facts: TlsHopFacts): TlsDecision {
  const own = ownAddition(rule, facts);
  if ('kind' in own) return own;
  const dane = daneAddition(rule, facts);
  if ('kind' in dane) return dane;
  const sts = mtaStsAddition(rule, facts, dane);
  if ('kind' in sts) return sts;
  return joined(rule, facts, [own, dane, sts]);
}

function ownAddition(rule: TlsRule, facts: TlsHopFacts): TlsAddition | TlsRefusal {
  if (rule.level === 'fingerprint') return { checks: [{ kind: 'pins', pins: rule.pins }] };
  if (rule.level !== 'secure' && rule.level !== 'verify') return {};
  const { nexthopDomain, host, hostSource } = facts;
  // RFC 3207 section 4.1 leaves the name to local policy; ours never takes it from insecure MX
  if (rule.level === 'verify' && rule.match.length === 0 && hostSource === 'insecure-mx') {
    const sentence = `the name ${host} comes from an MX answer without DNSSEC, so level verify cannot rest on it`;
    return { kind: 'refuse', fault: 'mx-not-proven', sentence, policies: noPolicy(facts) };
  }
  const usual = rule.level === 'verify' ? [host] : [nexthopDomain, `.${nexthopDomain}`];
  const names = rule.match.length > 0 ? rule.match : usual;
  const pins = rule.pins ?? [];
  const pinned: readonly TlsIdentityCheck[] = pins.length === 0 ? [] : [{ kind: 'pins', pins }];
  return { checks: [{ kind: 'names', names, policy: 'rule' }, ...pinned] };
}

function joined(rule: TlsRule, facts: TlsHopFacts, additions: readonly TlsAddition[]): TlsDecision {
  const checks = additions.flatMap((one) => one.checks ?? []);
  const observed = additions.flatMap((one) => one.observed ?? []);
  const policies = additions.flatMap((one) => one.policies ?? []);
  const profile: Exclude<TlsRule, { level: 'none' }> =
    rule.level === 'none' ? { level: 'may' } : rule;
  const anchors = 'anchors' in rule ? rule.anchors : undefined;
  const looksAtPath = [...checks, ...observed].some(({ kind }) => kind === 'names');
  const serverName = additions.flatMap((one) => one.serverName ?? [])[0];
  return {
    kind: 'connect',
    demand: {
      usesTls: rule.level !== 'none',
      isMandatory: isMandatory(rule) || additions.some((one) => one.isMandatory === true),
      minVersion: profile.minVersion ?? 'TLSv1.2',
      ciphers: profile.ciphers ?? 'floor',
      serverName: serverName ?? profile.serverName ?? facts.host,
      showsCertificate: profile.clientCertificate !== 'never',
      anchors: looksAtPath ? (anchors ?? 'system') : [],
      checks,
      observed,
    },
    policies: policies.length > 0 ? policies : noPolicy(facts),
    notes: additions.flatMap((one) => one.note ?? []),
  };
}

/** RFC 8460 section 4.4: mail to domains that publish nothing is counted too; a route is ours. */
function noPolicy({ nexthopDomain, hostSource }: TlsHopFacts): readonly JudgedPolicy[] {
  if (hostSource === 'configured') return [];
  const type = 'no-policy-found';
  const policy = { type, domain: nexthopDomain, strings: [], isEnforced: false } as const;
  return [{ policy, failure: null }];
}
