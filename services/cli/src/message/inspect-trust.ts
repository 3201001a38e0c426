import {
  type JudgeOptions,
  type MessageLabels,
  namingOptions,
  type Verdict,
} from '@sallyport/domsec';
import type { Domain, Mailbox } from '@sallyport/mail';
import { type Certificate, type Crl, parsePemCertificates, validatePath } from '@sallyport/pki';
import {
  decideInward,
  type InwardRule,
  inwardRuleFor,
  type PolicyDocument,
} from '@sallyport/policy';

/** Whom to believe, and which rule judges, for the originators that a message claims. */
export interface InspectTrust {
  /** Certificates at hand beside those in the message. */
  readonly known: readonly Certificate[];
  /** Some rule of the policy counts algorithms of the past. */
  readonly mayAcceptLegacy: boolean;
  readonly ruleFor: (originators: readonly Mailbox[]) => InspectRule;
}

interface InspectRule {
  readonly validate: JudgeOptions['validate'];
  readonly naming: JudgeOptions['naming'];
  readonly legacy: 'refuse' | 'accept';
  /** What the policy would do; nothing without a policy. */
  readonly decide: (verdict: Verdict, labels: MessageLabels) => object;
}

/** Trust from files of anchors and, if there is one, from a policy; a policy's anchors are per partner. */
export function inspectTrust(options: {
  readonly anchors: readonly Certificate[];
  /** Revocation lists; where there are none, revocation is not checked. */
  readonly crls: readonly Crl[];
  readonly policy: PolicyDocument | null;
  readonly time: Date;
}): InspectTrust {
  const { anchors, policy, time } = options;
  if (policy === null) {
    const rule: InspectRule = {
      validate: validator(anchors, options),
      naming: { time },
      legacy: 'refuse',
      decide: () => ({}),
    };
    return { known: anchors, mayAcceptLegacy: false, ruleFor: () => rule };
  }
  const records = [...policy.partners, policy.default];
  return {
    known: [...anchors, ...certificatesIn(records.flatMap(({ trust }) => trust.pinned))],
    mayAcceptLegacy: records.some(({ inbound }) => inbound.legacyAlgorithms === 'accept'),
    ruleFor: (originators) => policyRule(policy, originators, { ...options, anchors }),
  };
}

interface Facts {
  readonly crls: readonly Crl[];
  readonly time: Date;
}

function validator(
  anchors: readonly Certificate[],
  { crls, time }: Facts,
): JudgeOptions['validate'] {
  // Soft: the lists at hand are those that somebody had, not all that there are.
  const revocation = crls.length === 0 ? {} : { revocation: { mode: 'soft', crls } as const };
  return (leaf, others) => {
    if (anchors.length === 0) return { kind: 'invalid', reason: 'no trust anchor was given' };
    const path = { leaf, intermediates: others, anchors, time, purpose: 'email-sign' } as const;
    const found = validatePath({ ...path, ...revocation });
    return found.kind === 'valid' ? found : { kind: 'invalid', reason: found.reason };
  };
}

// As at the gateway: the anchors and exceptions of one partner say nothing about the originators of
// another, so each originator is judged by its own record and all of them must agree.
function policyRule(
  policy: PolicyDocument,
  originators: readonly Mailbox[],
  facts: Facts & { readonly anchors: readonly Certificate[] },
): InspectRule {
  const { anchors, time } = facts;
  const ruleOf = (claimed: readonly Domain[]): InwardRule =>
    inwardRuleFor(policy, { reversePath: null, claimed });
  const domains = [...new Set(originators.map((mailbox) => mailbox.domain))];
  const rule = ruleOf(domains);
  const rules = domains.length === 0 ? [rule] : domains.map((domain) => ruleOf([domain]));
  const validators = rules.map(({ trusts }) => {
    const trusted = trusts.flatMap((trust) => [...trust.anchors, ...trust.pinned]);
    return validator([...anchors, ...certificatesIn(trusted)], facts);
  });
  return {
    validate: (leaf, others) => {
      const results = validators.map((validate) => validate(leaf, others));
      const [first = { kind: 'valid' } as const] = results;
      return results.find((result) => result.kind === 'invalid') ?? first;
    },
    naming: ({ domain }) => {
      const { trusts, partnerDomains } = ruleOf([domain]);
      return namingOptions(trusts, partnerDomains, time);
    },
    legacy: rule.inbound.legacyAlgorithms,
    decide: (verdict, labels) => {
      const facts = {
        verdict,
        labels,
        filter: { kind: 'clean', scanned: false },
        // Connection and attachments are not in the file; the policy's other demands are judged.
        tls: 'encrypted',
        clientNameOk: true,
        correlatedReport: false,
        released: false,
        now: time,
      } as const;
      const decision = decideInward(facts, rule);
      return { rule: rule.rule, decision: decision.kind, sentence: decision.sentence };
    },
  };
}

function certificatesIn(pems: readonly string[]): readonly Certificate[] {
  return pems
    .flatMap((pem) => parsePemCertificates(pem))
    .flatMap((one) => (one.kind === 'certificate' ? [one.value] : []));
}
