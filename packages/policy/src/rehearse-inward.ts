import type { Domain } from '@sallyport/mail';
import { decideInward } from './decide-inward.ts';
import type { DmarcFacts } from './dmarc.ts';
import type { InwardDecision, InwardFacts } from './inward-decision.ts';
import { type InwardRule, inwardRuleFor } from './inward-rule.ts';
import { policyFor } from './match.ts';
import type { Compared } from './rehearse-outward.ts';
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
import type { PolicyDocument } from './schema.ts';
import type { VerdictFacts } from './verdict.ts';

/** What the log says of one message from outside. */
export interface LoggedInward {
  /** Null for the null reverse-path. */
  readonly reversePath: Domain | null;
  /** What the authors claim to be of. */
  readonly claimed: readonly Domain[];
  /** Of the recipient. */
  readonly own: Domain | null;
  readonly verdict: Pick<
    VerdictFacts,
    'signature' | 'signatureType' | 'mapping' | 'encryption' | 'scope' | 'senderLookup'
  >;
  /** Null: nobody looked. */
  readonly dmarc: DmarcFacts | null;
  readonly tls: InwardFacts['tls'];
  readonly decision: InwardDecision['kind'];
  readonly flagged: boolean;
  readonly fault: string | null;
}

/** What would become of a message from outside under the other policy. */
export function rehearseInward(
  logged: LoggedInward,
  { before, after, now }: Compared,
): { readonly rule: string; readonly rehearsed: Rehearsed } {
  const ruleIn = (policy: PolicyDocument): InwardRule =>
    inwardRuleFor(policyFor(policy, logged.own), logged);
  const [old, rule] = [ruleIn(before), ruleIn(after)];
  const isFilterSame = isSame(before.filters.inward, after.filters.inward);
  if (isFilterSame && isSame({ ...old, rule: '' }, { ...rule, rule: '' })) {
    return { rule: rule.rule, rehearsed: { kind: 'same' } };
  }
  const { decision, flagged, fault } = logged;
  const context = { old, rule, isFilterSame };
  const sure: InwardFacts = {
    verdict: { ...logged.verdict, integrity: true, fault: null },
    filter: CLEAN,
    tls: logged.tls,
    clientNameOk: true,
    correlatedReport: false,
    released: false,
    now,
  };
  const tried = combinations(sure, openFacts(logged, context)).map(({ facts, whys }) => ({
    outcome: outcomeOf(decideInward(facts, rule)),
    whys,
  }));
  const word = wordOf(decision, { flagged, fault });
  return { rule: rule.rule, rehearsed: compareAll({ word, goes: decision === 'deliver' }, tried) };
}

function wordOf(kind: string, of: { flagged: boolean; fault: string | null }): string {
  if (of.flagged) return `${kind} with a warning`;
  return of.fault === null ? kind : `${kind} (${of.fault})`;
}

function outcomeOf(decision: InwardDecision): Outcome {
  const flagged = decision.kind === 'deliver' && decision.flagged;
  const fault = 'fault' in decision ? decision.fault : null;
  const word = wordOf(decision.kind, { flagged, fault });
  return { word, goes: decision.kind === 'deliver', sentence: decision.sentence };
}

interface Context {
  readonly old: InwardRule;
  readonly rule: InwardRule;
  readonly isFilterSame: boolean;
}

type Part = Open<Partial<InwardFacts>>;

function openFacts(logged: LoggedInward, context: Context): readonly Part[] {
  const { fault, reversePath } = logged;
  return [
    partOf(verdictOf(logged, context), (verdict) => ({ verdict })),
    partOf(filterOf(fault, context), (filter) => ({ filter })),
    partOf(clientOf(fault, context), (clientNameOk) => ({ clientNameOk })),
    partOf(reportOf(reversePath), (correlatedReport) => ({ correlatedReport })),
    dmarcOf(logged, context),
    labelsOf(fault, context),
  ];
}

function clientOf(fault: string | null, { old, rule }: Context): Open<boolean> {
  if (fault === 'client-certificate-required') return known(false);
  if (isSame(old.clientDemands, rule.clientDemands)) return known(true);
  return { why: 'what certificate the client can show', values: [true, false] };
}

function reportOf(reversePath: Domain | null): Open<boolean> {
  if (reversePath !== null) return known(false);
  return { why: 'whether it is a report about mail of ours', values: [true, false] };
}

function dmarcOf({ dmarc }: LoggedInward, { rule }: Context): Part {
  if (dmarc !== null) return known({ dmarc });
  if (rule.inbound.dmarc === 'ignore') return known({});
  return { why: 'what DMARC says', values: [{}, { dmarc: FAILED }] };
}

const FAILED: DmarcFacts = { result: 'fail', policy: 'reject', domain: null };

const FAULTS: ReadonlySet<string> = new Set<NonNullable<VerdictFacts['fault']>>([
  'message-integrity',
  'signer-not-trusted',
  'signer-revoked',
  'revocation-unavailable',
  'signer-mismatch',
  'algorithm-unsupported',
  'decryption-failed',
]);

function isVerdictFault(fault: string | null): fault is NonNullable<VerdictFacts['fault']> {
  return fault !== null && FAULTS.has(fault);
}

function verdictOf(logged: LoggedInward, { old, rule }: Context): Open<VerdictFacts> {
  const { verdict, fault } = logged;
  const integrity = verdict.encryption !== 'domain' || fault !== 'decryption-failed';
  const whole: VerdictFacts = {
    ...verdict,
    integrity,
    fault: isVerdictFault(fault) ? fault : null,
    legacy: fault === 'algorithm-unsupported' ? ['as before'] : [],
  };
  const { signature } = verdict;
  if (signature === 'none') return known(whole);
  if (rule.senderLookup === 'require' && verdict.senderLookup === undefined) {
    const values = (['match', 'mismatch'] as const).map((found) => ({
      ...whole,
      senderLookup: found,
    }));
    return { why: "whether the signer's domain publishes its certificate", values };
  }
  if (isSame(old.trusts, rule.trusts) || signature === 'invalid') return known(whole);
  const why = 'whether its signer is trusted';
  const good: VerdictFacts = { ...whole, signature: 'valid', integrity: true, fault: null };
  const bad: VerdictFacts = { ...whole, signature: 'unverifiable', fault: 'signer-not-trusted' };
  return { why, values: signature === 'valid' ? [good, bad] : [whole, good] };
}

const CLEAN = { kind: 'clean', scanned: true } as const;

const FILTERED: ReadonlySet<string> = new Set([
  'content-refused',
  'held-by-policy',
  'scanner-unavailable',
]);

function filterOf(fault: string | null, { isFilterSame }: Context): Open<InwardFacts['filter']> {
  const reason = 'as the content filter found';
  const refused = { kind: 'refuse', reason } as const;
  const wasFiltered = fault !== null && FILTERED.has(fault);
  if (!isFilterSame) return { why: 'what the content filter finds', values: [CLEAN, refused] };
  if (!wasFiltered) return known(CLEAN);
  if (fault === 'held-by-policy') return known({ kind: 'hold', reason });
  if (fault === 'content-refused') return known(refused);
  return known({ kind: 'unavailable', whenDown: 'wait', reason });
}

function labelsOf(fault: string | null, { old, rule }: Context): Part {
  const strange = { labels: { labels: [], warning: 'its security label is not recognised' } };
  if (fault === 'label-unrecognised') return known(strange);
  const { labels } = rule.inbound;
  if (labels === undefined || isSame(labels, old.inbound.labels)) return known({});
  return { why: 'what security labels it has', values: [{}, strange] };
}
