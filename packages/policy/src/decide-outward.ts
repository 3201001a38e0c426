import type { FaultId } from '@sallyport/faults';
import { never } from '@sallyport/mail';
import { revocationText } from '@sallyport/pki';
import { hasEnded } from './agreement.ts';
import { checkFilter } from './check-filter.ts';
import { type AlgorithmChoice, chooseAlgorithms } from './choose-algorithms.ts';
import { checkList, checkReview, withListDemand } from './decide-layers.ts';
import type { AppliedPartner } from './match.ts';
import { durationMs } from './outbound-fields.ts';
import type {
  CertificateFacts,
  LookupFault,
  OutwardDecision,
  OutwardFacts,
  Unusable,
  Without,
} from './outward-decision.ts';
import { grant } from './permit.ts';
import type { OutboundPolicy } from './schema.ts';

/**
 * Decides for one recipient. Pure and total; the only maker of an outward Permit.
 * For no facts is the result weaker than the rule: `encrypt: required` gives protect, wait, hold or refuse.
 */
export function decideOutward(facts: OutwardFacts, applied: AppliedPartner): OutwardDecision {
  return (
    checkAgreement(facts, applied) ??
    checkContent(facts, applied) ??
    checkOrigin(facts, applied) ??
    checkReview(facts.review ?? { kind: 'none' }, applied) ??
    checkList(facts.list ?? { kind: 'plain' }, applied) ??
    protect(facts, withListDemand(applied, facts.list ?? { kind: 'plain' }))
  );
}

function checkAgreement(facts: OutwardFacts, applied: AppliedPartner): OutwardDecision | null {
  if (applied.agreement === undefined) return null;
  if (!hasEnded(applied.agreement.validUntil, facts.now)) return null;
  return {
    kind: 'hold',
    fault: 'agreement-expired',
    rule: applied.rule,
    sentence: `Held: agreement ${applied.agreement.id} ended on ${applied.agreement.validUntil}; the security admin must renew it.`,
  };
}

function checkContent(facts: OutwardFacts, { rule }: AppliedPartner): OutwardDecision | null {
  const filtered = checkFilter(facts, rule, 'Waits');
  return filtered?.kind === 'wait' ? { ...filtered, waitMs: null } : filtered;
}

// RFC 3183 section 3.2 and DS-G1, DS-G2: no domain signature without an authentic originator, nor
// over signatures that are not valid. `unverifiable` counts as not valid.
function checkOrigin(facts: OutwardFacts, applied: AppliedPartner): OutwardDecision | null {
  if (applied.outbound.sign === 'none') return null;
  const { rule } = applied;
  if (facts.originator !== 'authenticated') {
    const sentence =
      'Refused: the originator could not be authenticated, so the domain may not sign.';
    return { kind: 'refuse', fault: 'originator-not-authentic', rule, sentence };
  }
  if (facts.innerSignatures === 'none' || facts.innerSignatures === 'valid') return null;
  const sentence =
    facts.innerSignatures === 'invalid'
      ? 'A signature inside the message is not valid, so the domain may not sign it.'
      : 'A signature inside the message cannot be verified, so the domain may not sign it.';
  return { kind: applied.outbound.otherwise, fault: 'inner-signature-invalid', rule, sentence };
}

function protect(facts: OutwardFacts, applied: AppliedPartner): OutwardDecision {
  const { outbound, rule } = applied;
  if (tooBig(facts)) {
    const sentence = `Refused: ${facts.protectedBytes} bytes once protected, and the next hop takes ${facts.nextHopLimitBytes}.`;
    return { kind: 'refuse', fault: 'protected-too-big', rule, sentence };
  }
  if (outbound.encrypt === 'none') return withoutEncryption(applied, null);
  const { certificate } = facts;
  switch (certificate.kind) {
    case 'found':
      return encryptTo(certificate, applied);
    case 'none':
      return outbound.encrypt === 'when-possible'
        ? withoutEncryption(applied, 'no-certificate')
        : missing(certificate.unusable, applied);
    case 'unavailable':
      return lookupFailed(facts, certificate.fault, applied);
    case 'not-looked-up':
      // A rule that encrypts always looks; reaching this is a surprise, and a surprise waits.
      return {
        kind: 'wait',
        fault: 'internal',
        waitMs: null,
        rule,
        sentence: 'Waits: no lookup was made.',
      };
    default:
      return never(certificate);
  }
}

function tooBig(facts: OutwardFacts): boolean {
  return facts.nextHopLimitBytes !== null && facts.protectedBytes > facts.nextHopLimitBytes;
}

function encryptTo(
  found: Extract<CertificateFacts, { kind: 'found' }>,
  applied: AppliedPartner,
): OutwardDecision {
  const { outbound, rule } = applied;
  const { certificate } = found.certificate;
  const chosen = chooseAlgorithms(outbound, certificate, found.capabilities);
  if (chosen.kind !== 'chosen') return notEncryptable(chosen, applied);
  const sign = outbound.sign === 'domain';
  const { content, keyTransport, contentSource, keyTransportSource } = chosen;
  return {
    kind: 'protect',
    permit: grant(rule),
    sign,
    profile: outbound.profile,
    protectHeaders: outbound.protectHeaders,
    headerConfidentiality: outbound.headerConfidentiality,
    innerEncoding: innerEncodingOf(outbound),
    encryptTo: found.certificate,
    door: found.door,
    owner: found.owner ?? 'domain',
    proof: found.proof ?? 'path',
    originatorInfo: outbound.originatorInfo,
    content,
    keyTransport,
    contentSource,
    keyTransportSource,
    rule,
    sentence: `${sign ? 'Signed by the domain and encrypted' : 'Encrypted, unsigned,'} for ${OWNER[found.owner ?? 'domain']} found by ${found.door}, with ${chosen.sentence}; ${revocationText(found.certificate.revocation)}.`,
  };
}

const OWNER = {
  domain: "the partner's certificate",
  user: "the recipient's own certificate",
} as const;

// A recipient that wants something weaker gets nothing weaker, not even under `when-possible`:
// signed alone would be weaker still. A key of a kind that we cannot use is as good as none.
function notEncryptable(
  chosen: Exclude<AlgorithmChoice, { kind: 'chosen' }>,
  applied: AppliedPartner,
): OutwardDecision {
  const { outbound, rule } = applied;
  if (chosen.kind === 'key-unusable' && outbound.encrypt === 'when-possible') {
    return withoutEncryption(applied, 'key-unusable');
  }
  const held = outbound.otherwise === 'hold';
  return {
    kind: outbound.otherwise,
    fault: 'no-common-algorithm',
    rule,
    sentence: `${held ? 'Held' : 'Refused'}: the rule demands encryption and ${chosen.reason}.`,
  };
}

const WITHOUT: Readonly<Record<Without, string>> = {
  'no-certificate': 'no certificate was found and the rule encrypts when possible',
  'lookup-unavailable': 'the lookup was not possible and the rule sends signed then',
  'key-unusable': 'the certificate found cannot be used and the rule encrypts when possible',
};

function innerEncodingOf(outbound: OutboundPolicy): 'base64' | 'binary' {
  return outbound.binaryInside ? 'binary' : 'base64';
}

function withoutEncryption(applied: AppliedPartner, without: Without | null): OutwardDecision {
  const { outbound, rule } = applied;
  const why = without === null ? 'the rule does not ask for encryption' : WITHOUT[without];
  if (outbound.sign === 'none') {
    return { kind: 'pass', permit: grant(rule), rule, sentence: `Passed on unchanged: ${why}.` };
  }
  return {
    kind: 'sign-only',
    permit: grant(rule),
    profile: outbound.profile,
    protectHeaders: outbound.protectHeaders,
    innerEncoding: innerEncodingOf(outbound),
    without,
    rule,
    sentence: `Signed by the domain, not encrypted: ${why}.`,
  };
}

const MISSING = {
  untrusted: ['recipient-certificate-untrusted', 'the certificate found is not trusted'],
  expired: ['recipient-certificate-expired', 'the certificate found is not valid at this time'],
  unfit: ['recipient-certificate-unfit', 'the certificate found does not meet the requirements'],
  revoked: ['recipient-certificate-revoked', 'the certificate found is revoked'],
  'key-changed': [
    'partner-key-changed',
    'the certificate found is not the pinned one and waits for approval',
  ],
  mismatch: [
    'recipient-certificate-mismatch',
    "the certificate found is not in the partner's name",
  ],
} as const satisfies Record<Unusable, readonly [FaultId, string]>;

function missing(unusable: Unusable | null, applied: AppliedPartner): OutwardDecision {
  const [fault, text] =
    unusable === null
      ? (['recipient-certificate-missing', 'no certificate was found'] as const)
      : MISSING[unusable];
  const held = applied.outbound.otherwise === 'hold';
  return {
    kind: applied.outbound.otherwise,
    fault,
    rule: applied.rule,
    sentence: `${held ? 'Held' : 'Refused'}: the rule demands encryption and ${text}.`,
  };
}

// biome-ignore lint/suspicious/noThenProperty: the word of the policy document
const DEFAULT_LOOKUP_FAILURE = { wait: '15m', then: 'send-signed' } as const;

const AWAY: Readonly<Record<LookupFault, string>> = {
  'dns-failure': 'DNS does not answer',
  'directory-unreachable': 'the directory does not answer',
  'revocation-unavailable': 'nobody says whether the certificate is revoked',
};

function lookupFailed(
  facts: OutwardFacts,
  fault: LookupFault,
  applied: AppliedPartner,
): OutwardDecision {
  const { outbound, rule } = applied;
  const what = AWAY[fault];
  if (outbound.encrypt === 'required') {
    const sentence = `Waits: ${what}, and the rule demands encryption.`;
    return { kind: 'wait', fault, waitMs: null, rule, sentence };
  }
  const failure = outbound.lookupFailure ?? DEFAULT_LOOKUP_FAILURE;
  const leftMs = durationMs(failure.wait) - facts.waitedMs;
  if (leftMs > 0) {
    const sentence = `Waits: ${what}; the rule waits ${failure.wait} for it.`;
    return { kind: 'wait', fault, waitMs: leftMs, rule, sentence };
  }
  if (failure.then === 'send-signed') return withoutEncryption(applied, 'lookup-unavailable');
  const sentence = `Held: ${what} and the rule holds after ${failure.wait}.`;
  return { kind: 'hold', fault: 'lookup-unavailable', rule, sentence };
}
