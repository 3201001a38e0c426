import type { JudgeOptions, NameMappingOptions } from '@sallyport/domsec';
import type { Domain, Mailbox } from '@sallyport/mail';
import { type Certificate, parsePemCertificates, validatePath } from '@sallyport/pki';
import {
  type InwardRule,
  inwardRuleFor,
  type PolicyDocument,
  type TrustPolicy,
} from '@sallyport/policy';

const parsedPems = new Map<string, readonly Certificate[]>();
const MAX_PARSED = 2_000;

/** Certificates of PEM texts out of a policy; parsed once. Texts that cannot be parsed give nothing. */
export function certificatesOf(pems: readonly string[]): readonly Certificate[] {
  return pems.flatMap((pem) => {
    const known = parsedPems.get(pem);
    if (known !== undefined) return known;
    if (parsedPems.size >= MAX_PARSED) parsedPems.clear();
    const parsed = parsePemCertificates(pem).flatMap((result) =>
      result.kind === 'certificate' ? [result.value] : [],
    );
    parsedPems.set(pem, parsed);
    return parsed;
  });
}

/** Validates signers against the anchors and pinned certificates of the partners that apply. */
export function signerValidator(
  trusts: readonly TrustPolicy[],
  time: Date,
): JudgeOptions['validate'] {
  const anchors = trusts.flatMap((trust) => certificatesOf([...trust.anchors, ...trust.pinned]));
  return (leaf, others) => {
    if (anchors.length === 0) {
      return { kind: 'invalid', reason: 'no trust anchor is configured for this author' };
    }
    const result = validatePath({
      leaf,
      intermediates: others,
      anchors,
      time,
      purpose: 'email-sign',
    });
    return result.kind === 'valid' ? result : { kind: 'invalid', reason: result.reason };
  };
}

/** What naming may use beside the RFC's own rule: partner domains and dated exceptions (DS-N6). */
export function namingOptions(
  trusts: readonly TrustPolicy[],
  partnerDomains: readonly string[],
  time: Date,
): NameMappingOptions {
  const domains = partnerDomains.map((pattern) => pattern.replace(/^\*\./, '') as Domain);
  return {
    exceptions: trusts.flatMap((trust) => trust.exceptions),
    ...(domains.length > 0 ? { partnerDomains: domains } : {}),
    time,
  };
}

/**
 * Trust and naming for what originators of several partners claim together. Each originator is
 * judged by the record of its own domain: the anchors and exceptions of one partner, or of the
 * partner that RFC5321.MailFrom names, say nothing about the domains of another.
 */
export function trustByOriginator(
  policy: PolicyDocument,
  originators: readonly Mailbox[],
  time: Date,
): Pick<JudgeOptions, 'validate' | 'naming'> {
  const byDomain = new Map<Domain, InwardRule>();
  const ruleOf = (domain: Domain): InwardRule => {
    const rule =
      byDomain.get(domain) ?? inwardRuleFor(policy, { reversePath: null, claimed: [domain] });
    byDomain.set(domain, rule);
    return rule;
  };
  const rules = new Map(
    originators.map(({ domain }) => [ruleOf(domain).rule, ruleOf(domain)] as const),
  );
  const validators = [...rules.values()].map((rule) => signerValidator(rule.trusts, time));
  return {
    validate: (certificate, others) => {
      const results = validators.map((validate) => validate(certificate, others));
      const [first = { kind: 'invalid', reason: 'the message names no originator' }] = results;
      return results.find((result) => result.kind === 'invalid') ?? first;
    },
    naming: ({ domain }) => {
      const { trusts, partnerDomains } = ruleOf(domain);
      return namingOptions(trusts, partnerDomains, time);
    },
  };
}
