import type { FaultId } from '@sallyport/faults';
import { never } from '@sallyport/mail';
import type { ValidatedCertificate } from '@sallyport/pki';
import type { AppliedPartner } from './match.ts';
import { grant, type Permit } from './permit.ts';
import { durationMs, type OutboundPolicy } from './schema.ts';
import type { FilterFacts } from './verdict.ts';

export type CertificateFacts =
  | {
      readonly kind: 'found';
      readonly certificate: ValidatedCertificate;
      readonly door: string;
    }
  /** Every door answered; `unusable` is why the best find cannot be used, null if there was none. */
  | {
      readonly kind: 'none';
      readonly unusable: 'untrusted' | 'expired' | 'mismatch' | null;
    }
  | { readonly kind: 'unavailable'; readonly fault: 'directory-unreachable' | 'dns-failure' }
  /** The rule does not ask for encryption. */
  | { readonly kind: 'not-looked-up' };

export interface OutwardFacts {
  readonly originator: 'authenticated' | 'unknown';
  /** Signatures inside the message, those inside encryption included (DS-G2). */
  readonly innerSignatures: 'none' | 'valid' | 'invalid' | 'unverifiable';
  readonly certificate: CertificateFacts;
  readonly filter: FilterFacts;
  /** How long the message has waited since it was accepted. */
  readonly waitedMs: number;
  /** Length once protected, and what the next hop says it takes; null if it says nothing. */
  readonly protectedBytes: number;
  readonly nextHopLimitBytes: number | null;
  /** A hold by the content filter was lifted by an admin. */
  readonly released: boolean;
  readonly now: Date;
}

interface Because {
  readonly rule: string;
  readonly sentence: string;
}

export type OutwardDecision =
  | (Because & {
      readonly kind: 'protect';
      readonly permit: Permit;
      readonly sign: boolean;
      readonly profile: OutboundPolicy['profile'];
      readonly protectHeaders: boolean;
      readonly encryptTo: ValidatedCertificate;
      readonly content: OutboundPolicy['content'];
      readonly keyTransport: OutboundPolicy['keyTransport'];
    })
  | (Because & {
      readonly kind: 'sign-only';
      readonly permit: Permit;
      readonly profile: OutboundPolicy['profile'];
      readonly protectHeaders: boolean;
      /** Set when encryption was wanted and could not be had; recorded. */
      readonly without: 'lookup-unavailable' | 'no-certificate' | null;
    })
  | (Because & { readonly kind: 'pass'; readonly permit: Permit })
  | (Because & { readonly kind: 'hold'; readonly fault: FaultId })
  | (Because & { readonly kind: 'refuse'; readonly fault: FaultId })
  | (Because & { readonly kind: 'wait'; readonly fault: FaultId; readonly waitMs: number | null });

/**
 * Decides for one recipient. Pure and total; the only maker of an outward Permit.
 * For no facts is the result weaker than the rule: `encrypt: required` gives protect, wait, hold or refuse.
 */
export function decideOutward(facts: OutwardFacts, applied: AppliedPartner): OutwardDecision {
  return (
    checkAgreement(facts, applied) ??
    checkFilter(facts, applied.rule) ??
    checkOrigin(facts, applied) ??
    protect(facts, applied)
  );
}

function checkAgreement(facts: OutwardFacts, applied: AppliedPartner): OutwardDecision | null {
  if (applied.agreement === undefined) return null;
  if (facts.now < endOfDay(applied.agreement.validUntil)) return null;
  return {
    kind: 'hold',
    fault: 'agreement-expired',
    rule: applied.rule,
    sentence: `Held: agreement ${applied.agreement.id} ended on ${applied.agreement.validUntil}; the security admin must renew it.`,
  };
}

function endOfDay(date: string): Date {
  return new Date(Date.parse(`${date}T00:00:00Z`) + 86_400_000);
}

function checkFilter(facts: OutwardFacts, rule: string): OutwardDecision | null {
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
            waitMs: null,
            rule,
            sentence: `Waits: ${filter.reason}.`,
          }
        : { kind: 'hold', fault: 'scanner-unavailable', rule, sentence: `Held: ${filter.reason}.` };
    default:
      return never(filter);
  }
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
      return encryptTo(certificate.certificate, certificate.door, applied);
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
  certificate: ValidatedCertificate,
  door: string,
  applied: AppliedPartner,
): OutwardDecision {
  const { outbound, rule } = applied;
  const sign = outbound.sign === 'domain';
  return {
    kind: 'protect',
    permit: grant(rule),
    sign,
    profile: outbound.profile,
    protectHeaders: outbound.protectHeaders,
    encryptTo: certificate,
    content: outbound.content,
    keyTransport: outbound.keyTransport,
    rule,
    sentence: `${sign ? 'Signed by the domain and encrypted' : 'Encrypted, unsigned,'} for the partner's certificate found by ${door}.`,
  };
}

function withoutEncryption(
  applied: AppliedPartner,
  without: 'lookup-unavailable' | 'no-certificate' | null,
): OutwardDecision {
  const { outbound, rule } = applied;
  const why =
    without === null
      ? 'the rule does not ask for encryption'
      : without === 'no-certificate'
        ? 'no certificate was found and the rule encrypts when possible'
        : 'the lookup was not possible and the rule sends signed then';
  if (outbound.sign === 'none') {
    return { kind: 'pass', permit: grant(rule), rule, sentence: `Passed on unchanged: ${why}.` };
  }
  return {
    kind: 'sign-only',
    permit: grant(rule),
    profile: outbound.profile,
    protectHeaders: outbound.protectHeaders,
    without,
    rule,
    sentence: `Signed by the domain, not encrypted: ${why}.`,
  };
}

const MISSING = {
  untrusted: ['recipient-certificate-untrusted', 'the certificate found is not trusted'],
  expired: ['recipient-certificate-expired', 'the certificate found is not valid at this time'],
  mismatch: [
    'recipient-certificate-mismatch',
    "the certificate found is not in the partner's name",
  ],
} as const satisfies Record<string, readonly [FaultId, string]>;

function missing(
  unusable: 'untrusted' | 'expired' | 'mismatch' | null,
  applied: AppliedPartner,
): OutwardDecision {
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

function lookupFailed(
  facts: OutwardFacts,
  fault: 'directory-unreachable' | 'dns-failure',
  applied: AppliedPartner,
): OutwardDecision {
  const { outbound, rule } = applied;
  const what = fault === 'dns-failure' ? 'DNS does not answer' : 'the directory does not answer';
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
