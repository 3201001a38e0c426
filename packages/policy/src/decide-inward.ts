import type { ReplyFaultId } from '@sallyport/faults';
import { never } from '@sallyport/mail';
import { checkFilter } from './check-filter.ts';
import { checkDmarc, type DmarcCheck } from './dmarc.ts';
import type { InwardDecision, InwardFacts } from './inward-decision.ts';
import { firstGap, type Gap, unobserved } from './inward-gaps.ts';
import type { InwardRule } from './inward-rule.ts';
import { grant } from './permit.ts';

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
