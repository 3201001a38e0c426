import type { FaultId, ReplyFaultId } from '@sallyport/faults';
import { never } from '@sallyport/mail';
import { hasEnded } from './agreement.ts';
import { checkFilter } from './check-filter.ts';
import { checkDmarc, type DmarcCheck, type DmarcFacts } from './dmarc.ts';
import type { InwardRule } from './inward-rule.ts';
import { grant, type Permit } from './permit.ts';
import type { InboundPolicy } from './schema.ts';
import type { FilterFacts, VerdictFacts } from './verdict.ts';

export interface InwardFacts {
  readonly verdict: VerdictFacts;
  readonly filter: FilterFacts;
  /** Security labels of verified signatures; absent: none. */
  readonly labels?: LabelFacts;
  /** Of the message as received; absent: nobody looked. */
  readonly dmarc?: DmarcFacts;
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
  // First, since nothing of it depends on what is inside: its reply must not tell that a message
  // opened, as it would if it came after.
  const sender = facts.correlatedReport
    ? null
    : checkDmarc(facts.dmarc, { demand: rule.inbound.dmarc, released: facts.released });
  const unproven = sender === null ? null : unprovenSender(sender, rule);
  if (unproven !== null) return unproven;
  const gap = firstGap(facts, rule);
  // Until a signature over CBC plaintext has verified, every fault has one reply and one text, the
  // filter's finds included (design section 4): an attacker must not learn what the plaintext was.
  if (gap?.fault === 'decryption-failed') return unmet(gap, rule, facts.released);
  const outage = checkOutage(facts, rule);
  if (outage !== null) return outage;
  const filtered = checkFilter(facts, rule.rule, 'Not taken');
  if (filtered !== null) return filtered;
  if (gap !== null) return unmet(gap, rule, facts.released);
  // RFC 2634 section 3.1.2: people must be warned of labels that differ.
  const warnings = [facts.labels?.warning, sender?.text, unobserved(facts, rule)];
  const warning = warnings.filter((text) => typeof text === 'string').join('; ') || null;
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

/** The decision that DMARC alone makes; null where it only warns. */
function unprovenSender({ kind, text }: DmarcCheck, { rule }: InwardRule): InwardDecision | null {
  switch (kind) {
    case 'refuse':
      return { kind, fault: 'dmarc-failed', rule, sentence: `Refused: ${text}.` };
    case 'hold':
      return { kind, fault: 'dmarc-failed', rule, sentence: `Held: ${text}.` };
    case 'wait':
      return { kind, fault: 'dns-failure', rule, sentence: `Not taken: ${text}.` };
    case 'flag':
      return null;
    default:
      return never(kind);
  }
}

/** What may be known in an hour is no reason to refuse now (design section 1, rule 5). */
function checkOutage({ verdict }: InwardFacts, rule: InwardRule): InwardDecision | null {
  const because = (what: string) => ({ rule: rule.rule, sentence: `Not taken: ${what}.` });
  if (verdict.fault === 'revocation-unavailable') {
    const what = "nobody says whether the signer's certificate is revoked, and the rule is hard";
    return { kind: 'wait', fault: 'revocation-unavailable', ...because(what) };
  }
  if (rule.senderLookup === 'require' && verdict.senderLookup === 'unavailable') {
    const what = "the signer's domain cannot be asked for its certificate, and the rule demands it";
    return { kind: 'wait', fault: 'directory-unreachable', ...because(what) };
  }
  return null;
}

interface Gap {
  readonly fault: ReplyFaultId;
  readonly text: string;
}

function firstGap(facts: InwardFacts, rule: InwardRule): Gap | null {
  return (
    checkIntegrity(facts) ??
    // Before all that the rule may flag, or a person release: nothing is delivered without it.
    checkAgreement(facts, rule) ??
    // Before what is only flagged: that must not hide it.
    checkTransport(facts, rule) ??
    checkEncryption(facts, rule.inbound) ??
    (facts.correlatedReport ? null : checkSignature(facts.verdict, rule.inbound)) ??
    checkSenderLookup(facts.verdict, rule) ??
    checkLabels(facts.labels, rule.inbound)
  );
}

// RFC 8551 section 6 (EFAIL): content of a CBC EnvelopedData proves nothing until a signature over
// it has verified.
function checkIntegrity({ verdict }: InwardFacts): Gap | null {
  return verdict.encryption === 'domain' && !verdict.integrity
    ? {
        fault: 'decryption-failed',
        text: 'the message could not be opened, or nothing proves its integrity',
      }
    : null;
}

function checkEncryption(facts: InwardFacts, inbound: InboundPolicy): Gap | null {
  const { verdict } = facts;
  // A report about mail of ours comes from whatever MTA met the trouble, in clear as a rule.
  const isClear = verdict.encryption === 'none' && !facts.correlatedReport;
  if (inbound.encryption === 'required' && isClear) {
    return { fault: 'encryption-required', text: 'it is not encrypted and the rule demands it' };
  }
  return null;
}

/** What the sending gateway lacks of what the rule demands of its TLS; null if nothing. */
export function checkTransport(
  facts: Pick<InwardFacts, 'tls' | 'clientNameOk'>,
  { inbound, clientDemands }: InwardRule,
): Gap | null {
  if (inbound.tls.level === 'encrypt' && facts.tls === 'none') {
    return { fault: 'starttls-required', text: 'it came without TLS and the rule demands it' };
  }
  if (clientDemands.length > 0 && facts.tls !== 'not-observable' && !facts.clientNameOk) {
    return {
      fault: 'client-certificate-required',
      text: 'the client did not show the agreed certificate',
    };
  }
  return null;
}

/** What a front hides is said, never counted as met. */
function unobserved({ tls }: InwardFacts, { inbound, clientDemands }: InwardRule): string | null {
  const isDemanded = inbound.tls.level === 'encrypt' || clientDemands.length > 0;
  return isDemanded && tls === 'not-observable'
    ? 'what the rule demands of its TLS cannot be observed behind a front'
    : null;
}

function checkAgreement(facts: InwardFacts, rule: InwardRule): Gap | null {
  return rule.agreementEnds.some((date) => hasEnded(date, facts.now))
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

// TM-4: a signer that its own domain does not publish is refused only where the rule demands that.
function checkSenderLookup(
  { signature, senderLookup }: VerdictFacts,
  rule: InwardRule,
): Gap | null {
  if (rule.senderLookup !== 'require' || signature !== 'valid') return null;
  if (senderLookup === 'match' || senderLookup === 'unavailable') return null;
  const text =
    senderLookup === 'mismatch'
      ? "the signer's domain publishes another certificate"
      : "the signer's certificate is not found where its domain publishes them";
  return { fault: 'signer-not-published', text };
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

const TRANSPORT_FAULTS: ReadonlySet<ReplyFaultId> = new Set([
  'starttls-required',
  'client-certificate-required',
]);

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
  // A stranger's reverse-path must not turn what MAIL FROM would have refused into a warning.
  const isTransport = TRANSPORT_FAULTS.has(gap.fault);
  const unreleased = isTransport ? 'refuse' : rule.inbound.otherwise;
  const otherwise = released ? 'flag' : unreleased;
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
