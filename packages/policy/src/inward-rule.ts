import type { Domain } from '@sallyport/mail';
import { stricterLabels } from './domsec-fields.ts';
import { partnerFor } from './match.ts';
import type { InboundPolicy, PolicyDocument, TrustPolicy } from './schema.ts';

/** The domains by which a message claims to come from somebody. */
export interface InwardMatch {
  /** Null for the null reverse-path. */
  readonly reversePath: Domain | null;
  /** Every outer and every protected RFC5322.From mailbox, and Sender. */
  readonly claimed: readonly Domain[];
}

/** The strictest union of every record that matches (design section 5). */
export interface InwardRule {
  /** `partner:A+partner:B` or `default`. */
  readonly rule: string;
  readonly inbound: InboundPolicy;
  readonly trusts: readonly TrustPolicy[];
  readonly partnerDomains: readonly string[];
  readonly agreementEnds: readonly string[];
  /** Every name that the client's certificate must carry: each record demands its own. */
  readonly clientNames: readonly string[];
}

/** Which inward rule applies: records of every claimed domain, strictest per column. */
export function inwardRuleFor(policy: PolicyDocument, match: InwardMatch): InwardRule {
  const domains = new Set(match.claimed);
  if (match.reversePath !== null) domains.add(match.reversePath);
  const partners = new Set(
    [...domains].flatMap((domain) => partnerFor(policy, domain)?.partner ?? []),
  );
  if (partners.size === 0) {
    const { inbound, trust } = policy.default;
    return {
      rule: 'default',
      inbound,
      trusts: [trust],
      partnerDomains: [],
      agreementEnds: [],
      clientNames: namesOf([inbound]),
    };
  }
  const list = [...partners];
  return {
    rule: list.map((partner) => `partner:${partner.name}`).join('+'),
    inbound: list.map((partner) => partner.inbound).reduce(stricter),
    trusts: list.map((partner) => partner.trust),
    partnerDomains: list.flatMap((partner) => partner.domains),
    agreementEnds: list.flatMap((partner) => partner.agreement?.validUntil ?? []),
    clientNames: namesOf(list.map((partner) => partner.inbound)),
  };
}

function namesOf(rules: readonly InboundPolicy[]): readonly string[] {
  return [...new Set(rules.flatMap(({ tls }) => tls.clientName ?? []))];
}

const SIGNATURE = ['when-present', 'any-required', 'domain-required'] as const;
const ENCRYPTION = ['when-present', 'required'] as const;
const TLS_LEVEL = ['none', 'encrypt'] as const;
const DELIVER = ['clear', 'signed', 'as-received'] as const;
const OTHERWISE = ['flag', 'hold', 'refuse'] as const;
const LEGACY = ['accept', 'refuse'] as const;

function later<T>(order: readonly T[], a: T, b: T): T {
  return order.indexOf(a) >= order.indexOf(b) ? a : b;
}

function stricter(a: InboundPolicy, b: InboundPolicy): InboundPolicy {
  const clientName = a.tls.clientName ?? b.tls.clientName;
  const labels = stricterLabels(a.labels, b.labels);
  return {
    signature: later(SIGNATURE, a.signature, b.signature),
    encryption: later(ENCRYPTION, a.encryption, b.encryption),
    tls: {
      level: later(TLS_LEVEL, a.tls.level, b.tls.level),
      ...(clientName === undefined ? {} : { clientName }),
    },
    deliver: later(DELIVER, a.deliver, b.deliver),
    ...(labels === undefined ? {} : { labels }),
    otherwise: later(OTHERWISE, a.otherwise, b.otherwise),
    legacyAlgorithms: later(LEGACY, a.legacyAlgorithms, b.legacyAlgorithms),
  };
}
