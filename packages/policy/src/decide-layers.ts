import type { FaultId } from '@sallyport/faults';
import type { AppliedPartner } from './match.ts';

/** What a review signature says of an outgoing message. */
export type ReviewFacts =
  | { readonly kind: 'reviewed'; readonly reviewer: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable'; readonly reason: string };

/** What mail list handling demands of an outgoing message (RFC 3183 section 5). */
export type ListFacts =
  | { readonly kind: 'plain' }
  /** There is encryption deeper in it, so its domain signature must be encrypted. */
  | { readonly kind: 'must-encrypt' }
  | { readonly kind: 'unusable'; readonly fault: FaultId; readonly reason: string };

interface LayerRefusal {
  readonly kind: 'hold' | 'refuse';
  readonly fault: FaultId;
  readonly rule: string;
  readonly sentence: string;
}

/** RFC 3183 sections 2.2 and 3.4 (DS-V9): nothing leaves unreviewed where the rule demands review. */
export function checkReview(facts: ReviewFacts, applied: AppliedPartner): LayerRefusal | null {
  const { outbound, rule } = applied;
  if (outbound.review === 'none' || facts.kind === 'reviewed') return null;
  const why =
    facts.kind === 'none'
      ? 'it has no review signature'
      : `its review does not count: ${facts.reason}`;
  const sentence = `${wordFor(outbound.otherwise)}: the rule demands a review and ${why}.`;
  return { kind: outbound.otherwise, fault: 'review-required', rule, sentence };
}

/** A domain signature must not be put where a mail list agent would take it off again. */
export function checkList(facts: ListFacts, applied: AppliedPartner): LayerRefusal | null {
  const { outbound, rule } = applied;
  if (facts.kind !== 'unusable' || outbound.sign === 'none') return null;
  const sentence = `${wordFor(outbound.otherwise)}: the domain may not sign it, since ${facts.reason}.`;
  return { kind: outbound.otherwise, fault: facts.fault, rule, sentence };
}

function wordFor(otherwise: 'hold' | 'refuse'): string {
  return otherwise === 'hold' ? 'Held' : 'Refused';
}

/**
 * The rule with what list handling adds: encryption is mandatory over encryption, "if local policy
 * does not require the message to be encrypted" too (RFC 3183 section 5). Never weaker than before.
 */
export function withListDemand(applied: AppliedPartner, list: ListFacts): AppliedPartner {
  const { outbound } = applied;
  const applies = list.kind === 'must-encrypt' && outbound.sign === 'domain';
  if (!applies || outbound.encrypt === 'required') return applied;
  return { ...applied, outbound: { ...outbound, encrypt: 'required' } };
}
