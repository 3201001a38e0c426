import type { Domain } from '@sallyport/mail';
import { decideOutward } from './decide-outward.ts';
import type { AppliedPartner } from './match.ts';
import { outwardRuleFor, policyFor } from './match.ts';
import type { CertificateFacts, OutwardDecision, OutwardFacts } from './outward-decision.ts';
import {
  combinations,
  compareAll,
  isSame,
  known,
  type Open,
  type Outcome,
  partOf,
  type Rehearsed,
} from './rehearsed.ts';
import type { OutboundPolicy, PolicyDocument } from './schema.ts';

/** What the log says of one recipient of an outgoing message. */
export interface LoggedOutward {
  readonly domain: Domain;
  readonly localPart: string;
  /** Of the author, as the reverse-path has it. */
  readonly own: Domain | null;
  /** DS-G1: ingress knew who sent it. */
  readonly hasEvidence: boolean;
  readonly decision: OutwardDecision['kind'];
  readonly fault: string | null;
}

/** Two policies to compare, at a time. */
export interface Compared {
  readonly before: PolicyDocument;
  readonly after: PolicyDocument;
  readonly now: Date;
}

/** What would become of a recipient under the other policy; the rule there is named. */
export function rehearseOutward(
  logged: LoggedOutward,
  { before, after, now }: Compared,
): { readonly rule: string; readonly rehearsed: Rehearsed } {
  const ruleIn = (policy: PolicyDocument): AppliedPartner =>
    outwardRuleFor(policyFor(policy, logged.own), logged.domain, logged.localPart);
  const [old, applied] = [ruleIn(before), ruleIn(after)];
  const filters = [before.filters.outward, after.filters.outward] as const;
  const isFilterSame = isSame(...filters);
  const { rule } = applied;
  if (isFilterSame && isSame(ruleFields(old), ruleFields(applied))) {
    return { rule, rehearsed: { kind: 'same' } };
  }
  const open = openFacts(logged, { old, applied, isFilterSame });
  const tried = combinations<Hypothesis>({ ...SURE, now }, open).map(({ facts, whys }) => ({
    outcome: outcomeOf(facts, applied),
    whys,
  }));
  const goes = GOES.has(logged.decision);
  const rehearsed = compareAll({ word: wordOf(logged), goes }, tried);
  return { rule, rehearsed: withTreatment(rehearsed, { logged, old, applied }) };
}

function ruleFields({ outbound, trust, agreement }: AppliedPartner): unknown {
  return [outbound, trust, agreement];
}

const GOES: ReadonlySet<string> = new Set(['protect', 'sign-only', 'pass']);

function wordOf({ decision, fault }: Pick<LoggedOutward, 'decision' | 'fault'>): string {
  return fault === null ? decision : `${decision} (${fault})`;
}

type Hypothesis = Omit<OutwardFacts, 'certificate'> & {
  /** The log says that there was one, and not which. */
  readonly certificate: CertificateFacts | { readonly kind: 'found-unseen' };
};

/** What the log never leaves open: sizes are as they were, nobody released it. */
const SURE: Omit<Hypothesis, 'now'> = {
  originator: 'authenticated',
  innerSignatures: 'none',
  filter: { kind: 'clean', scanned: true },
  certificate: { kind: 'none', unusable: null },
  list: { kind: 'plain' },
  waitedMs: 0,
  protectedBytes: 0,
  nextHopLimitBytes: null,
  released: false,
};

/** The order in which decideOutward asks; what came later was reached, what came before was passed. */
const STAGES: readonly ReadonlySet<string>[] = [
  new Set(['agreement-expired']),
  new Set(['content-refused', 'held-by-policy', 'scanner-unavailable']),
  new Set(['originator-not-authentic']),
  new Set(['inner-signature-invalid']),
  new Set(['review-required']),
];
const FILTER = 1;
const ORIGIN = 2;
const INNER = 3;
const REVIEW = 4;

interface Context {
  readonly old: AppliedPartner;
  readonly applied: AppliedPartner;
  readonly isFilterSame: boolean;
}

function openFacts(logged: LoggedOutward, context: Context): readonly Open<Partial<Hypothesis>>[] {
  const { fault } = logged;
  const found = STAGES.findIndex((faults) => fault !== null && faults.has(fault));
  const stage = found === -1 ? STAGES.length : found;
  const { isFilterSame } = context;
  const { outbound } = context.old;
  const isPassed = (at: number): boolean => outbound.sign === 'domain' && stage > at;
  return [
    partOf(filterOf(fault, { stage, isFilterSame }), (filter) => ({ filter })),
    partOf(originatorOf(logged, isPassed(ORIGIN)), (originator) => ({ originator })),
    partOf(innerOf(stage, isPassed(INNER)), (innerSignatures) => ({ innerSignatures })),
    partOf(reviewOf(stage, outbound), (review) => ({ review })),
    partOf(certificateOf(logged, context), (certificate) => ({ certificate })),
  ];
}

function originatorOf(
  { fault, hasEvidence }: LoggedOutward,
  isPassed: boolean,
): Open<OutwardFacts['originator']> {
  if (fault === 'originator-not-authentic') return known('unknown');
  if (hasEvidence || isPassed) return known('authenticated');
  return { why: 'whether the author is authenticated', values: ['authenticated', 'unknown'] };
}

function innerOf(stage: number, isPassed: boolean): Open<OutwardFacts['innerSignatures']> {
  if (stage === INNER) return known('invalid');
  if (isPassed) return known('none');
  return { why: 'whether signatures inside are valid', values: ['none', 'invalid'] };
}

const PASSED = { kind: 'clean', scanned: true } as const;

function filterOf(
  fault: string | null,
  { stage, isFilterSame }: { readonly stage: number; readonly isFilterSame: boolean },
): Open<OutwardFacts['filter']> {
  const reason = 'as the content filter found';
  const refused = { kind: 'refuse', reason } as const;
  if (!isFilterSame || stage < FILTER) {
    return { why: 'what the content filter finds', values: [PASSED, refused] };
  }
  if (stage > FILTER) return known(PASSED);
  if (fault === 'held-by-policy') return known({ kind: 'hold', reason });
  if (fault === 'content-refused') return known(refused);
  return known({ kind: 'unavailable', whenDown: 'hold', reason });
}

type Review = NonNullable<OutwardFacts['review']>;

function reviewOf(stage: number, { review }: OutboundPolicy): Open<Review> {
  const reviewed = { kind: 'reviewed', reviewer: 'as before' } as const;
  if (stage === REVIEW) return known({ kind: 'none' });
  if (review === 'required' && stage > REVIEW) return known(reviewed);
  return { why: 'whether it has a review signature', values: [reviewed, { kind: 'none' }] };
}

const UNUSABLE = {
  'recipient-certificate-missing': null,
  'recipient-certificate-untrusted': 'untrusted',
  'recipient-certificate-expired': 'expired',
  'recipient-certificate-unfit': 'unfit',
  'recipient-certificate-revoked': 'revoked',
  'recipient-certificate-mismatch': 'mismatch',
  'partner-key-changed': 'key-changed',
} as const;

const FOUND = { kind: 'found-unseen' } as const;
const NONE = { kind: 'none', unusable: null } as const;
const AWAY = ['directory-unreachable', 'dns-failure', 'revocation-unavailable'] as const;

function certificateOf(
  logged: LoggedOutward,
  { old, applied }: Context,
): Open<Hypothesis['certificate']> {
  const why = 'whether a certificate is found and trusted';
  const isLookupSame =
    isSame(old.trust, applied.trust) &&
    isSame(old.outbound.discovery, applied.outbound.discovery) &&
    isSame(old.outbound.to, applied.outbound.to);
  const { fault, decision } = logged;
  const away = AWAY.find((one) => one === fault);
  if (away !== undefined) return known({ kind: 'unavailable', fault: away });
  const unusable = Object.entries(UNUSABLE).find(([name]) => name === fault);
  if (unusable !== undefined) {
    const none = { kind: 'none', unusable: unusable[1] } as const;
    return isLookupSame ? known(none) : { why, values: [none, FOUND] };
  }
  if (decision === 'protect') return isLookupSame ? known(FOUND) : { why, values: [FOUND, NONE] };
  const isNone = old.outbound.encrypt === 'when-possible' && GOES.has(decision);
  return isNone && isLookupSame ? known(NONE) : { why, values: [FOUND, NONE] };
}

/**
 * The log has no certificate to encrypt to, only that there was one: everything that comes before
 * it is decided, and what passes is encrypted if the rule asks for that.
 */
function outcomeOf(facts: Hypothesis, applied: AppliedPartner): Outcome {
  const { certificate, ...others } = facts;
  if (certificate.kind !== 'found-unseen') {
    return toOutcome(decideOutward({ ...others, certificate }, applied));
  }
  const unencrypted = { ...applied, outbound: { ...applied.outbound, encrypt: 'none' as const } };
  const decision = decideOutward({ ...others, certificate: NONE }, unencrypted);
  if (!('permit' in decision) || applied.outbound.encrypt === 'none') return toOutcome(decision);
  return { word: 'protect', goes: true, sentence: 'Encrypted for the certificate found.' };
}

function toOutcome(decision: OutwardDecision): Outcome {
  const fault = 'fault' in decision ? decision.fault : null;
  const word = wordOf({ decision: decision.kind, fault });
  return { word, goes: 'permit' in decision, sentence: decision.sentence };
}

const TREATMENT = [
  'sign',
  'profile',
  'protectHeaders',
  'headerConfidentiality',
  'content',
  'floor',
  'keyTransport',
] as const satisfies readonly (keyof OutboundPolicy)[];

/** The same decision may still mean another treatment. */
function withTreatment(
  rehearsed: Rehearsed,
  { logged, old, applied }: { logged: LoggedOutward; old: AppliedPartner; applied: AppliedPartner },
): Rehearsed {
  if (rehearsed.kind !== 'same' || !GOES.has(logged.decision) || logged.decision === 'pass') {
    return rehearsed;
  }
  const changed = TREATMENT.filter((name) => old.outbound[name] !== applied.outbound[name]);
  if (changed.length === 0) return rehearsed;
  const { decision: from } = logged;
  const to = `${from} with ${changed.map((name) => `${name} ${applied.outbound[name]}`).join(', ')}`;
  return { kind: 'changed', from, to, fails: false, sentence: 'Protected in another way.' };
}
