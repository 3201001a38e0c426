import type { Domain } from '@sallyport/mail';
import { stricterDmarc } from './dmarc.ts';
import { stricterLabels } from './domsec-fields.ts';
import { partnerFor } from './match.ts';
import type { InboundPolicy, PolicyDocument, TrustPolicy } from './schema.ts';
import { strictestSenderLookup } from './trust-fields.ts';

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
  /** The strictest of the records: whether the signer's certificate is looked up too (TM-4). */
  readonly senderLookup: TrustPolicy['senderLookup'];
  /** What the client's certificate must be: each record demands its own, and all must be met. */
  readonly clientDemands: readonly ClientDemand[];
}

/** A certificate that the sending gateway must show in TLS. */
export interface ClientDemand {
  /** DNS name that it must bear. */
  readonly name: string;
  /** PEM texts of who may vouch for it; `gateway`: those of the gateway's config. */
  readonly anchors: 'gateway' | readonly string[];
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
      inbound: withTls(inbound),
      trusts: [trust],
      partnerDomains: [],
      agreementEnds: [],
      senderLookup: trust.senderLookup,
      clientDemands: demandsOf([inbound]),
    };
  }
  const list = [...partners];
  return {
    rule: list.map((partner) => `partner:${partner.name}`).join('+'),
    inbound: list.map((partner) => withTls(partner.inbound)).reduce(stricter),
    trusts: list.map((partner) => partner.trust),
    partnerDomains: list.flatMap((partner) => partner.domains),
    agreementEnds: list.flatMap((partner) => partner.agreement?.validUntil ?? []),
    senderLookup: strictestSenderLookup(list.map((partner) => partner.trust)),
    clientDemands: demandsOf(list.map((partner) => partner.inbound)),
  };
}

/** A certificate is shown in TLS alone: where one is demanded, so is TLS. */
function withTls(inbound: InboundPolicy): InboundPolicy {
  if (inbound.tls.clientName === undefined) return inbound;
  return { ...inbound, tls: { ...inbound.tls, level: 'encrypt' } };
}

function demandsOf(rules: readonly InboundPolicy[]): readonly ClientDemand[] {
  return rules.flatMap(({ tls: { clientName: name, clientAnchors } }) =>
    name === undefined ? [] : [{ name, anchors: clientAnchors ?? ('gateway' as const) }],
  );
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
  const labels = stricterLabels(a.labels, b.labels);
  return {
    signature: later(SIGNATURE, a.signature, b.signature),
    encryption: later(ENCRYPTION, a.encryption, b.encryption),
    // The certificates that are demanded are not one column: see `clientDemands`.
    tls: { level: later(TLS_LEVEL, a.tls.level, b.tls.level) },
    deliver: later(DELIVER, a.deliver, b.deliver),
    ...(labels === undefined ? {} : { labels }),
    dmarc: stricterDmarc(a.dmarc, b.dmarc),
    otherwise: later(OTHERWISE, a.otherwise, b.otherwise),
    legacyAlgorithms: later(LEGACY, a.legacyAlgorithms, b.legacyAlgorithms),
  };
}
