import type { ReplyFaultId } from '@sallyport/faults';
import { never } from '@sallyport/mail';
import { hasEnded } from './agreement.ts';
import type { InwardFacts, LabelFacts } from './inward-decision.ts';
import type { InwardRule } from './inward-rule.ts';
import type { InboundPolicy } from './schema.ts';
import type { VerdictFacts } from './verdict.ts';

/** One thing that a message lacks of what its rule demands. */
export interface Gap {
  readonly fault: ReplyFaultId;
  readonly text: string;
}

/** What the message lacks first; null if it has all that the rule demands. */
export function firstGap(facts: InwardFacts, rule: InwardRule): Gap | null {
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
export function unobserved(
  { tls }: InwardFacts,
  { inbound, clientDemands }: InwardRule,
): string | null {
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
