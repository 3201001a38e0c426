import type { Domain } from '@sallyport/mail';
import { matchesGlob } from './glob.ts';
import type {
  FilterRule,
  OutboundPolicy,
  PartnerPolicy,
  PolicyDocument,
  TlsPolicy,
  TrustPolicy,
} from './schema.ts';

export interface PartnerMatch {
  readonly partner: PartnerPolicy;
  readonly pattern: string;
}

/** The outbound side of whatever record applies to a recipient domain. */
export interface AppliedPartner {
  /** `partner:NAME` or `default`. */
  readonly rule: string;
  readonly outbound: OutboundPolicy;
  readonly trust: TrustPolicy;
  readonly agreement: PartnerPolicy['agreement'];
  readonly domains: readonly string[];
}

/** `bravo.example` is itself; `*.bravo.example` is everything below it, by whole labels. */
export function matchesPattern(domain: Domain, pattern: string): boolean {
  return pattern.startsWith('*.') ? domain.endsWith(pattern.slice(1)) : domain === pattern;
}

/** The best record for a domain: an exact name beats a wildcard, a longer wildcard a shorter one. */
export function partnerFor(policy: PolicyDocument, domain: Domain): PartnerMatch | null {
  let best: PartnerMatch | null = null;
  for (const partner of policy.partners) {
    for (const pattern of partner.domains) {
      if (!matchesPattern(domain, pattern)) continue;
      if (best === null || weight(pattern) > weight(best.pattern)) best = { partner, pattern };
    }
  }
  return best;
}

/**
 * The policy as it holds for mail of a domain of ours: by author outward, by recipient inward.
 * Null, or a domain without an entry under `domains`: as it is.
 */
export function policyFor(policy: PolicyDocument, own: Domain | null): PolicyDocument {
  if (own === null) return policy;
  let best: { readonly weight: number; readonly policy: PolicyDocument } | null = null;
  for (const variant of policy.variants ?? []) {
    const mark = Math.max(...variant.names.map((pattern) => patternWeight(own, pattern)));
    if (mark > (best?.weight ?? 0)) best = { weight: mark, policy: variant.policy };
  }
  return best?.policy ?? policy;
}

/** How well a pattern fits a domain; 0 if it does not. */
export function patternWeight(domain: Domain, pattern: string): number {
  return matchesPattern(domain, pattern) ? weight(pattern) : 0;
}

function weight(pattern: string): number {
  return pattern.startsWith('*.') ? pattern.length : 1_000 + pattern.length;
}

/** The rule for a recipient; without its local-part that of its domain. */
export function outwardRuleFor(
  policy: PolicyDocument,
  domain: Domain,
  localPart: string | null = null,
): AppliedPartner {
  const match = partnerFor(policy, domain);
  if (match === null) {
    const { outbound, trust } = policy.default;
    return { rule: 'default', outbound, trust, agreement: undefined, domains: [] };
  }
  const { name, outbound, trust, agreement, domains } = match.partner;
  const user = localPart === null ? null : userFor(match.partner, `${localPart}@${domain}`);
  if (user === null) return { rule: `partner:${name}`, outbound, trust, agreement, domains };
  const rule = `partner:${name}/${user.name}`;
  return { rule, outbound: user.outbound, trust, agreement, domains };
}

type UserRule = NonNullable<PartnerPolicy['users']>[number];

/** Of the entries that match an address, the one with the longest pattern; one without * first. */
export function userFor(partner: PartnerPolicy, address: string): UserRule | null {
  let best: { readonly weight: number; readonly user: UserRule } | null = null;
  for (const user of partner.users ?? []) {
    for (const pattern of user.match) {
      const mark = pattern.includes('*') ? pattern.length : 1_000 + pattern.length;
      if (mark <= (best?.weight ?? 0) || !matchesGlob(address, pattern)) continue;
      best = { weight: mark, user };
    }
  }
  return best?.user ?? null;
}

/** TLS is keyed by the recipient domain, never by the next hop that domains share (TR-7). */
export function tlsPolicyFor(
  policy: PolicyDocument,
  domain: Domain,
): { readonly rule: string; readonly tls: TlsPolicy } {
  const match = partnerFor(policy, domain);
  return match === null
    ? { rule: 'default', tls: policy.default.tls }
    : { rule: `partner:${match.partner.name}`, tls: match.partner.tls };
}

/** The first content filter of a direction. */
export function filterRuleFor(policy: PolicyDocument, direction: 'outward' | 'inward'): FilterRule {
  return policy.filters[direction];
}
