import type { JudgeOptions, Verdict } from '@sallyport/domsec';
import type { Domain, Mailbox } from '@sallyport/mail';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import { decideInward, inwardRuleFor, type PolicyDocument } from '@sallyport/policy';

/** Whom to believe, and which rule judges, for the originators that a message claims. */
export interface InspectTrust {
  /** Certificates at hand beside those in the message. */
  readonly known: readonly Certificate[];
  readonly ruleFor: (originators: readonly Mailbox[]) => InspectRule;
}

interface InspectRule {
  readonly anchors: readonly Certificate[];
  readonly naming: JudgeOptions['naming'];
  /** What the policy would do; nothing without a policy. */
  readonly decide: (verdict: Verdict) => object;
}

/** Trust from files of anchors and, if there is one, from a policy; a policy's anchors are per partner. */
export function inspectTrust(options: {
  readonly anchors: readonly Certificate[];
  readonly policy: PolicyDocument | null;
  readonly time: Date;
}): InspectTrust {
  const { anchors, policy, time } = options;
  if (policy === null) {
    return { known: anchors, ruleFor: () => ({ anchors, naming: { time }, decide: () => ({}) }) };
  }
  const all = [...policy.partners.map((one) => one.trust), policy.default.trust];
  return {
    known: [...anchors, ...certificatesIn(all.flatMap((trust) => trust.pinned))],
    ruleFor: (originators) => policyRule(policy, originators, { anchors, time }),
  };
}

function policyRule(
  policy: PolicyDocument,
  originators: readonly Mailbox[],
  { anchors, time }: { readonly anchors: readonly Certificate[]; readonly time: Date },
): InspectRule {
  const claimed = originators.map((mailbox) => mailbox.domain);
  const rule = inwardRuleFor(policy, { reversePath: null, claimed });
  const trusted = rule.trusts.flatMap((trust) => [...trust.anchors, ...trust.pinned]);
  const domains = rule.partnerDomains.map((pattern) => pattern.replace(/^\*\./, '') as Domain);
  return {
    anchors: [...anchors, ...certificatesIn(trusted)],
    naming: {
      exceptions: rule.trusts.flatMap((trust) => trust.exceptions),
      ...(domains.length > 0 ? { partnerDomains: domains } : {}),
      time,
    },
    decide: (verdict) => {
      const facts = {
        verdict,
        filter: { kind: 'clean', scanned: false },
        // Connection and attachments are not in the file; the policy's other demands are judged.
        tls: 'not-observable',
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
