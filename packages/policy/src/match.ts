import type { Domain } from '@sallyport/mail';
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

function weight(pattern: string): number {
  return pattern.startsWith('*.') ? pattern.length : 1_000 + pattern.length;
}

export function outwardRuleFor(policy: PolicyDocument, domain: Domain): AppliedPartner {
  const match = partnerFor(policy, domain);
  if (match === null) {
    const { outbound, trust } = policy.default;
    return { rule: 'default', outbound, trust, agreement: undefined, domains: [] };
  }
  const { name, outbound, trust, agreement, domains } = match.partner;
  return { rule: `partner:${name}`, outbound, trust, agreement, domains };
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

export function filterRuleFor(policy: PolicyDocument, direction: 'outward' | 'inward'): FilterRule {
  return policy.filters[direction];
}
