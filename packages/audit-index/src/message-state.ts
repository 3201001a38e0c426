import { hash } from 'node:crypto';
import type { RecordedEvent } from '@sallyport/audit-log';
import type { RecipientCounts } from './types.ts';

/** Bounds of what is kept of one message. */
const MAX_PARTS = 2_000;
const MAX_DOMAINS = 50;

export type Status = 'relayed' | 'failed' | 'expired' | 'dropped' | 'refused';
export type Said = Status | 'kept' | 'abandoned';

/** A file that was made of the message: for the next hop, or kept in hold. */
interface Part {
  /** `moved`: a released copy, whose recipients are waiting again or in parts of their own. */
  readonly kind: 'output' | 'held' | 'moved' | 'ended';
  /** Recipients; of a moved one those who are in no part of their own yet. Null if the log does not say. */
  readonly size: number | null;
  /** Of a held one: the event that says why. */
  readonly why?: number;
}

/** What is known of the fate of one message; small, and holds no address. */
export interface MessageState {
  readonly origin: 'outward' | 'inward' | 'gateway';
  readonly total: number;
  readonly parts: Record<string, Part>;
  /** By recipient, or by part and number where the log does not name him. */
  readonly settled: Record<string, readonly [status: Status, part: string]>;
  /** Of the decision that comes before what is made by it. */
  pending: number | null;
  ending: 'kept' | 'abandoned' | null;
  wasHeld: boolean;
  lastRelayed: number | null;
  /** Index of the event that says why it is so. */
  readonly said: Partial<Record<Said, number>>;
  /** The same of those that wait, by their part or the message itself. */
  readonly waits: Record<string, number>;
  readonly domains: string[];
}

/** The state of a message that has just been accepted or made. */
export function firstState(event: RecordedEvent, paths: readonly string[] | null): MessageState {
  const { origin, recipients } = event.facts;
  const known = origin === 'outward' || origin === 'inward' ? origin : 'gateway';
  const total = typeof recipients === 'number' ? recipients : (paths?.length ?? 1);
  return {
    origin: known,
    total: Math.max(1, total),
    parts: {},
    settled: {},
    pending: null,
    ending: null,
    wasHeld: false,
    lastRelayed: null,
    said: {},
    waits: {},
    domains: [],
  };
}

/** Keeps the domains that are new; they are returned. */
export function addDomains(state: MessageState, domains: readonly unknown[]): string[] {
  const added: string[] = [];
  for (const one of domains) {
    if (typeof one !== 'string' || one === '' || state.domains.length >= MAX_DOMAINS) continue;
    const domain = one.toLowerCase();
    if (state.domains.includes(domain)) continue;
    state.domains.push(domain);
    added.push(domain);
  }
  return added;
}

/**
 * Adds a part that takes recipients over from the one it was made of.
 *
 * @returns false if it is known: after a crash the same work is told of again, and what came of it since stands.
 */
export function addPart(state: MessageState, id: string, part: Part & { from: string }): boolean {
  if (state.parts[id] !== undefined || Object.keys(state.parts).length >= MAX_PARTS) return false;
  const { from, ...made } = part;
  state.parts[id] = made;
  takeFrom(state, from, part.size ?? 0);
  return true;
}

/** So many of a released copy are no longer in it alone. */
function takeFrom(state: MessageState, id: string, count: number): void {
  const part = state.parts[id];
  if (part?.kind !== 'moved' || part.size === null) return;
  state.parts[id] = { ...part, size: Math.max(0, part.size - count) };
}

/** Recipients of an id that no event has settled and no part of their own holds. */
export function leftOf(state: MessageState, id: string): number {
  return leftsOf(state)(id);
}

/** The same for several ids of an unchanged state. */
export function leftsOf(state: MessageState): (id: string) => number {
  const { waiting, held } = count(state);
  const settled = new Map<string, number>();
  for (const [, part] of Object.values(state.settled)) {
    settled.set(part, (settled.get(part) ?? 0) + 1);
  }
  const inOutput = (id: string, size: number) => Math.max(0, size - (settled.get(id) ?? 0));
  let elsewhere = 0;
  for (const [id, { kind, size }] of Object.entries(state.parts)) {
    if (kind === 'moved') elsewhere += size ?? 0;
    if (kind === 'output') elsewhere += inOutput(id, size ?? 0);
  }
  return (id) => {
    const part = state.parts[id];
    switch (part?.kind) {
      case 'ended':
        return 0;
      case 'held':
        return part.size ?? held;
      case 'output':
        return part.size === null ? waiting : inOutput(id, part.size);
      default: // a released copy, or the message itself
        return Math.max(0, Math.min(waiting, part?.size ?? waiting - elsewhere));
    }
  };
}

/** A recipient whom the log names came to this end; a later one stands. */
export function settleNamed(
  state: MessageState,
  path: string,
  of: { readonly status: Status; readonly part: string },
): void {
  state.settled[hash('sha256', path, 'hex').slice(0, 12)] = [of.status, of.part];
}

/** So many came to this end whom the log does not name; never more than are left. */
export function settleUnnamed(
  state: MessageState,
  of: { readonly status: Status; readonly part: string; readonly count: number },
): void {
  const left = count(state).waiting;
  let done = 0;
  for (let n = 0; done < Math.min(of.count, left); n += 1) {
    const key = `${of.part}/${n}`;
    if (state.settled[key] !== undefined) continue;
    state.settled[key] = [of.status, of.part];
    done += 1;
  }
  takeFrom(state, of.part, done);
}

/** What is told twice in the same words counts once: `telling` is what is the same. */
export function settleOnce(
  state: MessageState,
  telling: unknown,
  of: { readonly status: Status; readonly part: string; readonly count: number },
): void {
  const told = `${of.part}/${hash('sha256', JSON.stringify(telling), 'hex').slice(0, 12)}`;
  if (state.settled[`${told}/0`] !== undefined) return;
  const done = Math.min(of.count, count(state).waiting);
  for (let n = 0; n < done; n += 1) state.settled[`${told}/${n}`] = [of.status, of.part];
  takeFrom(state, of.part, done);
}

/** How many recipients are in which state. */
export function count(state: MessageState): RecipientCounts {
  const found = { relayed: 0, failed: 0, expired: 0, dropped: 0, refused: 0 };
  for (const [status] of Object.values(state.settled)) found[status] += 1;
  const done = found.relayed + found.failed + found.expired + found.dropped + found.refused;
  const total = Math.max(state.total, done);
  let held = 0;
  for (const part of Object.values(state.parts)) {
    if (part.kind === 'held') held += part.size ?? total;
  }
  held = Math.min(held, total - done);
  return { total, waiting: total - done - held, held, ...found };
}
