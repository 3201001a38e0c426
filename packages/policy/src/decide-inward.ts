import type { FaultId, ReplyFaultId } from '@sallyport/faults';
import { never } from '@sallyport/mail';
import type { InwardRule } from './inward-rule.ts';
import { grant, type Permit } from './permit.ts';
import type { InboundPolicy } from './schema.ts';
import type { FilterFacts, VerdictFacts } from './verdict.ts';

export interface InwardFacts {
  readonly verdict: VerdictFacts;
  readonly filter: FilterFacts;
  /** Security labels of verified signatures; absent: none. */
  readonly labels?: LabelFacts;
  /** How the client came in; `not-observable` behind a trusted front. */
  readonly tls: 'none' | 'encrypted' | 'not-observable';
  /** True if the client certificate verified and carries every demanded name. */
  readonly clientNameOk: boolean;
  /** A report that belongs to a message we sent (null reverse-path). */
  readonly correlatedReport: boolean;
  readonly released: boolean;
  readonly now: Date;
}

/** What the security labels of a message say (RFC 2634 section 3; DS-V7, DS-V8). */
export interface LabelFacts {
  readonly labels: readonly {
    readonly label: { readonly policy: string };
    /** Labels of other policies that mean the same. */
    readonly equivalents: readonly { readonly policy: string }[];
  }[];
  /** Why people must be warned; null if all is well. */
  readonly warning: string | null;
}

interface Because {
  readonly rule: string;
  readonly sentence: string;
}

export type InwardDecision =
  | (Because & {
      readonly kind: 'deliver';
      readonly permit: Permit;
      readonly deliver: InboundPolicy['deliver'];
      /** The rule was not met and says: deliver, and say so. */
      readonly flagged: boolean;
    })
  | (Because & { readonly kind: 'hold'; readonly fault: FaultId })
  | (Because & { readonly kind: 'refuse'; readonly fault: ReplyFaultId })
  | (Because & { readonly kind: 'wait'; readonly fault: ReplyFaultId });

/** Decides over one message from outside. Pure and total; the only maker of an inward Permit. */
export function decideInward(facts: InwardFacts, rule: InwardRule): InwardDecision {
  const gap = firstGap(facts, rule);
  // Until a signature over CBC plaintext has verified, every fault has one reply and one text, the
  // filter's finds included (design section 4): an attacker must not learn what the plaintext was.
  if (gap?.fault === 'decryption-failed') return unmet(gap, rule, facts.released);
  const filtered = checkFilter(facts, rule.rule);
  if (filtered !== null) return filtered;
  if (gap !== null) return unmet(gap, rule, facts.released);
  // RFC 2634 section 3.1.2: people must be warned of labels that differ.
  const warning = facts.labels?.warning ?? null;
  return {
    kind: 'deliver',
    permit: grant(rule.rule),
    deliver: rule.inbound.deliver,
    flagged: warning !== null,
    rule: rule.rule,
    sentence:
      warning === null ? 'Delivered: the rule is met.' : `Delivered with a warning: ${warning}.`,
  };
}

interface Gap {
  readonly fault: ReplyFaultId;
  readonly text: string;
}

function firstGap(facts: InwardFacts, rule: InwardRule): Gap | null {
  return (
    checkSecrecy(facts, rule.inbound) ??
    checkTls(facts, rule) ??
    checkAgreement(facts, rule) ??
    (facts.correlatedReport ? null : checkSignature(facts.verdict, rule.inbound)) ??
    checkLabels(facts.labels, rule.inbound)
  );
}

// RFC 8551 section 6 (EFAIL): content of a CBC EnvelopedData proves nothing until a signature over
// it has verified.
function checkSecrecy(facts: InwardFacts, inbound: InboundPolicy): Gap | null {
  const { verdict } = facts;
  if (verdict.encryption === 'domain' && !verdict.integrity) {
    return {
      fault: 'decryption-failed',
      text: 'the message could not be opened, or nothing proves its integrity',
    };
  }
  // A report about mail of ours comes from whatever MTA met the trouble, in clear as a rule.
  const isClear = verdict.encryption === 'none' && !facts.correlatedReport;
  if (inbound.encryption === 'required' && isClear) {
    return { fault: 'encryption-required', text: 'it is not encrypted and the rule demands it' };
  }
  return null;
}

function checkTls(facts: InwardFacts, { inbound, clientNames }: InwardRule): Gap | null {
  if (inbound.tls.level === 'encrypt' && facts.tls === 'none') {
    return { fault: 'starttls-required', text: 'it came without TLS and the rule demands it' };
  }
  if (clientNames.length > 0 && facts.tls !== 'not-observable' && !facts.clientNameOk) {
    return {
      fault: 'client-certificate-required',
      text: 'the client did not show the agreed certificate',
    };
  }
  return null;
}

function checkAgreement(facts: InwardFacts, rule: InwardRule): Gap | null {
  const ended = rule.agreementEnds.some(
    (date) => facts.now.getTime() >= Date.parse(`${date}T00:00:00Z`) + 86_400_000,
  );
  return ended
    ? { fault: 'agreement-expired', text: 'the agreement with the partner has ended' }
    : null;
}

function checkSignature(verdict: VerdictFacts, inbound: InboundPolicy): Gap | null {
  const demanded = inbound.signature !== 'when-present';
  switch (verdict.signature) {
    case 'invalid':
      return { fault: faultOr(verdict, 'message-integrity'), text: 'its signature is not valid' };
    case 'unverifiable':
      return demanded
        ? {
            fault: faultOr(verdict, 'signer-not-trusted'),
            text: 'its signature cannot be verified',
          }
        : null;
    case 'none':
      return demanded ? { fault: 'signature-required', text: 'it has no signature' } : null;
    case 'valid':
      return checkValid(verdict, inbound, demanded);
    default:
      return never(verdict.signature);
  }
}

function checkValid(verdict: VerdictFacts, inbound: InboundPolicy, demanded: boolean): Gap | null {
  // RFC 8551 section 6: whoever judged with such algorithms, this rule has the last word.
  if (inbound.legacyAlgorithms === 'refuse' && (verdict.legacy ?? []).length > 0) {
    return {
      fault: 'algorithm-unsupported',
      text: 'it rests on algorithms that are no longer safe',
    };
  }
  if (verdict.mapping === 'mismatch') {
    return { fault: 'signer-mismatch', text: "the signer does not stand for the author's domain" };
  }
  if (demanded && verdict.scope === 'partial') {
    return { fault: 'signature-required', text: 'the signature covers only a part of it' };
  }
  if (inbound.signature === 'domain-required' && verdict.signatureType !== 'domain') {
    return { fault: 'signature-required', text: 'it has no domain signature' };
  }
  // DS-V6: neither a review nor an additional-attributes signature authenticates the originator.
  const authentic = verdict.signatureType === 'domain' || verdict.signatureType === 'originator';
  return demanded && !authentic
    ? { fault: 'signature-required', text: 'its signature does not authenticate the originator' }
    : null;
}

// RFC 2634 section 3.1.2: what software does not recognise it should stop processing; section 3.4.2:
// an equivalent label of a policy that is recognised will do.
function checkLabels(labels: LabelFacts | undefined, inbound: InboundPolicy): Gap | null {
  const recognised = inbound.labels?.recognised;
  if (recognised === undefined || labels === undefined) return null;
  const fault = 'label-unrecognised';
  if (labels.warning !== null) return { fault, text: labels.warning };
  const strange = labels.labels.find(
    ({ label, equivalents }) =>
      ![label, ...equivalents].some(({ policy }) => recognised.includes(policy)),
  );
  const text = `its security label is of policy ${strange?.label.policy}, which is not recognised`;
  return strange === undefined ? null : { fault, text };
}

function faultOr(verdict: VerdictFacts, fallback: ReplyFaultId): ReplyFaultId {
  return verdict.fault ?? fallback;
}

function unmet(gap: Gap, rule: InwardRule, released: boolean): InwardDecision {
  const because = { rule: rule.rule, sentence: '' };
  // Opened content without proof of integrity is never delivered, whatever the rule says.
  if (gap.fault === 'decryption-failed') {
    return rule.inbound.signature === 'when-present'
      ? { ...because, kind: 'hold', fault: gap.fault, sentence: `Held: ${gap.text}.` }
      : { ...because, kind: 'refuse', fault: gap.fault, sentence: `Refused: ${gap.text}.` };
  }
  if (gap.fault === 'agreement-expired') {
    return { ...because, kind: 'hold', fault: gap.fault, sentence: `Held: ${gap.text}.` };
  }
  const otherwise = released ? 'flag' : rule.inbound.otherwise;
  switch (otherwise) {
    case 'refuse':
      return { ...because, kind: 'refuse', fault: gap.fault, sentence: `Refused: ${gap.text}.` };
    case 'hold':
      return { ...because, kind: 'hold', fault: gap.fault, sentence: `Held: ${gap.text}.` };
    case 'flag':
      return {
        ...because,
        kind: 'deliver',
        permit: grant(rule.rule),
        deliver: rule.inbound.deliver,
        flagged: true,
        sentence: `Delivered with a warning: ${gap.text}.`,
      };
    default:
      return never(otherwise);
  }
}

function checkFilter(facts: InwardFacts, rule: string): InwardDecision | null {
  const { filter } = facts;
  switch (filter.kind) {
    case 'clean':
      return null;
    case 'refuse':
      return {
        kind: 'refuse',
        fault: 'content-refused',
        rule,
        sentence: `Refused: ${filter.reason}.`,
      };
    case 'hold':
      if (facts.released) return null;
      return { kind: 'hold', fault: 'held-by-policy', rule, sentence: `Held: ${filter.reason}.` };
    case 'unavailable':
      return filter.whenDown === 'wait'
        ? {
            kind: 'wait',
            fault: 'scanner-unavailable',
            rule,
            sentence: `Not taken: ${filter.reason}.`,
          }
        : { kind: 'hold', fault: 'scanner-unavailable', rule, sentence: `Held: ${filter.reason}.` };
    default:
      return never(filter);
  }
}
