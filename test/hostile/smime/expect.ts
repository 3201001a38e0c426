import assert from 'node:assert/strict';
import type { Verdict } from '@sallyport/domsec';
import {
  deliveredText,
  type Judgement,
  judge,
  outcomeOf,
  type Rule,
} from '../../harness/inward-path.ts';

/** What a reader may take for the author's word: nothing else is. */
export function isBelieved(verdict: Verdict): boolean {
  return (
    verdict.signature === 'valid' && verdict.scope === 'whole' && verdict.mapping !== 'mismatch'
  );
}

/** What came of a message under one rule. */
export interface Outcome {
  readonly rule: Rule;
  readonly judgement: Judgement;
  /** What the inner recipient gets; empty if it gets nothing. */
  readonly delivered: string;
  readonly unwraps: number;
}

/** Judges a message under the strictest and the most lenient rule. */
export async function outcomesOf(bytes: Buffer): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const rule of ['strict', 'any', 'lenient'] as const) {
    const { judgement, unwraps } = await judge(bytes, rule);
    const isTaken = judgement.kind === 'judged' && judgement.decision.kind === 'deliver';
    const delivered = isTaken ? await deliveredText(judgement) : '';
    outcomes.push({ rule, judgement, delivered, unwraps });
  }
  return outcomes;
}

/**
 * Under no rule does the message pass for the author's: the verdict does not say so, a rule that
 * demands a signature refuses it, and what a lenient one hands on carries a warning or no claim.
 */
export async function assertNotBelieved(
  bytes: Buffer,
  name: string,
  options: { readonly mayMismatch?: boolean } = {},
): Promise<readonly Outcome[]> {
  const outcomes = await outcomesOf(bytes);
  for (const { rule, judgement, delivered } of outcomes) {
    const told = `${name}, rule ${rule}: ${outcomeOf(judgement)}`;
    if (judgement.kind === 'malformed') continue;
    const { verdict, decision } = judgement;
    assert.ok(!isBelieved(verdict), `${told}: ${verdict.reason}`);
    const isWhole = verdict.signature === 'valid' && verdict.scope === 'whole';
    if (options.mayMismatch !== true) assert.ok(!isWhole, `${told}: ${verdict.reason}`);
    assert.notEqual(verdict.reason, '', told);
    assert.equal(verdict.originator, 'unknown', told);
    if (verdict.signature !== 'none') assert.notEqual(verdict.fault, null, told);
    if (rule !== 'lenient') assert.notEqual(decision.kind, 'deliver', told);
    if (decision.kind !== 'deliver') continue;
    assert.ok(
      decision.flagged || verdict.signature === 'none' || verdict.signature === 'unverifiable',
      told,
    );
    assert.doesNotMatch(delivered, /^Authentication-Results:[^\n]*smime=pass/im, told);
    assert.doesNotMatch(delivered, /originator=(authenticated|domain-only)/, told);
  }
  return outcomes;
}

/** Under no rule is anything of the plaintext handed on, and every reply is the same. */
export async function assertNothingOut(
  bytes: Buffer,
  name: string,
  secret: string,
): Promise<readonly Outcome[]> {
  const outcomes = await outcomesOf(bytes);
  for (const { rule, judgement, delivered } of outcomes) {
    const expected = rule === 'lenient' ? 'hold decryption-failed' : 'refuse decryption-failed';
    assert.equal(outcomeOf(judgement), expected, `${name}, rule ${rule}`);
    assert.ok(!delivered.includes(secret), `${name}: plaintext went out`);
    assert.ok(judgement.kind === 'judged' && !isBelieved(judgement.verdict), name);
  }
  return outcomes;
}
