import { count, leftsOf, type MessageState, type Said } from './message-state.ts';
import type { MessageOutcome } from './types.ts';

/** The outcome of the whole message, and the event that says why. */
export function outcomeOf(state: MessageState): { outcome: MessageOutcome; said: number | null } {
  const said = (which: Said) => state.said[which] ?? null;
  if (state.ending !== null) return { outcome: state.ending, said: said(state.ending) };
  const found = count(state);
  if (found.held > 0) return { outcome: 'held', said: newest(reasonsOfHeld(state)) };
  if (found.waiting > 0) return { outcome: 'waiting', said: newest(reasonsToWait(state)) };
  if (found.relayed === found.total) return { outcome: 'relayed', said: said('relayed') };
  const worst = (['failed', 'expired', 'refused', 'dropped'] as const).find(
    (one) => found[one] > 0,
  );
  if (worst === undefined) return { outcome: 'waiting', said: null };
  return { outcome: found.relayed > 0 ? 'partly-relayed' : worst, said: said(worst) };
}

/** Of those that are held still. */
function reasonsOfHeld(state: MessageState): number[] {
  return Object.values(state.parts).flatMap(({ kind, why }) =>
    kind === 'held' && why !== undefined ? [why] : [],
  );
}

/** Of those in whom somebody waits still. */
function reasonsToWait(state: MessageState): number[] {
  const leftIn = leftsOf(state);
  return Object.entries(state.waits).flatMap(([id, why]) => (leftIn(id) > 0 ? [why] : []));
}

function newest(reasons: readonly number[]): number | null {
  return reasons.length === 0 ? null : Math.max(...reasons);
}

/** Milliseconds from acceptance to the last relay; null if it is not all relayed or was ever held. */
export function latencyOf(state: MessageState, acceptedAt: number): number | null {
  if (state.wasHeld || state.lastRelayed === null) return null;
  if (outcomeOf(state).outcome !== 'relayed') return null;
  return Math.max(0, state.lastRelayed - acceptedAt);
}
