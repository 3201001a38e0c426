import { hash } from 'node:crypto';
import type { RecordedEvent } from '@sallyport/audit-log';
import { childQueueId, parseQueueId } from '@sallyport/mail';
import { domainOf, forwardPathsOf } from './terms.ts';
import type { MessageOutcome, RecipientCounts } from './types.ts';

/** Bounds of what is kept of one message. */
const MAX_PARTS = 2_000;
const MAX_DOMAINS = 50;

type Status = 'relayed' | 'failed' | 'expired' | 'dropped' | 'refused';
type Said = Status | 'held' | 'waiting' | 'kept' | 'abandoned';

/** A file that was made of the message: for the next hop, or kept in hold. */
interface Part {
  /** `moved`: a released copy, whose recipients are waiting again or in parts of their own. */
  readonly kind: 'output' | 'held' | 'moved' | 'ended';
  /** Recipients; null if the log does not say. */
  readonly size: number | null;
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
    domains: [],
  };
}

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
 * Takes an event of the message, or of something made of it, into account.
 *
 * @returns the queue ids that it makes known as made of the event's own id.
 */
export function applyEvent(state: MessageState, event: RecordedEvent): string[] {
  const id = event.queueId ?? '';
  switch (event.kind) {
    case 'decided':
      state.pending = numberIn(event, 'recipients');
      if (event.facts['decision'] === 'wait') say(state, 'waiting', event);
      return [];
    case 'opened':
      return [];
    case 'protected':
      return takeProtected(state, event);
    case 'committed':
      return takeCommitted(state, event);
    case 'held':
      return takeHeld(state, id, event);
    case 'released':
      return takeReleased(state, id);
    case 'deferred':
      say(state, 'waiting', event);
      return [];
    case 'relayed':
    case 'failed':
    case 'expired':
      takeDelivery(state, event.kind, event);
      return [];
    case 'refused':
      takeRefused(state, id, event);
      return [];
    case 'dropped':
      endAll(state, 'dropped', id, event);
      return [];
    case 'corrupt-found':
      endAll(state, 'failed', id, event);
      return [];
    case 'abandoned':
      state.ending = 'abandoned';
      say(state, 'abandoned', event);
      return [];
    default:
      return [];
  }
}

function takeProtected(state: MessageState, event: RecordedEvent): string[] {
  const ids = idsIn(event.facts['outputs']);
  const size = ids.length === 1 ? state.pending : null;
  for (const { id } of ids) addPart(state, id, { kind: 'output', size });
  state.pending = null;
  return ids.map(({ id }) => id);
}

function takeCommitted(state: MessageState, event: RecordedEvent): string[] {
  const ids = idsIn(event.facts['results']);
  if (ids.length === 0) {
    state.ending = 'kept';
    say(state, 'kept', event);
  }
  const size = ids.length === 1 ? state.total : null;
  for (const { id, folder } of ids) {
    const isHeld = folder === 'hold';
    if (isHeld) hold(state, event);
    addPart(state, id, { kind: isHeld ? 'held' : 'output', size });
  }
  return ids.map(({ id }) => id);
}

function takeHeld(state: MessageState, id: string, event: RecordedEvent): string[] {
  const { heldId } = event.facts;
  const copy = typeof heldId === 'string' ? heldId : id;
  hold(state, event);
  const from = state.parts[id];
  if (from?.kind === 'output') {
    // Egress could not deliver it and nobody may be told: those that failed are in hold instead.
    const failed = Object.entries(state.settled).filter(
      ([, [status, part]]) => part === id && (status === 'failed' || status === 'expired'),
    );
    for (const [key] of failed) delete state.settled[key];
    addPart(state, copy, { kind: 'held', size: Math.max(1, failed.length) });
    // What went wrong shows again if it goes wrong again.
    addSize(state, id, -failed.length);
  } else {
    addPart(state, copy, { kind: 'held', size: state.pending ?? unplaced(state) });
  }
  state.pending = null;
  return copy === id ? [] : [copy];
}

function addSize(state: MessageState, id: string, more: number): void {
  const part = state.parts[id];
  if (part === undefined || part.size === null) return;
  state.parts[id] = { ...part, size: Math.max(0, part.size + more) };
}

/** What is released comes back into the queue: outward by its own id, inward by one made of it. */
function takeReleased(state: MessageState, id: string): string[] {
  const part = state.parts[id];
  const queueId = parseQueueId(id);
  if (part?.kind !== 'held' || queueId === null) return [];
  state.parts[id] = { ...part, kind: 'moved' };
  delete state.said.held;
  if (state.origin !== 'inward') return [];
  const child = childQueueId(queueId, 'released');
  addPart(state, child, { kind: 'output', size: part.size });
  return [child];
}

function takeDelivery(
  state: MessageState,
  status: 'relayed' | 'failed' | 'expired',
  event: RecordedEvent,
): void {
  const id = event.queueId ?? '';
  const paths = forwardPathsOf(event.personal);
  const isNamed = Object.keys(event.personal).some((name) => name.startsWith('forwardPath'));
  if (!isNamed && typeof event.facts['recipients'] !== 'number') {
    endAll(state, status, id, event); // it was given up before it was sent on
    return;
  }
  say(state, status, event);
  if (status === 'relayed') state.lastRelayed = Date.parse(event.time);
  if (paths !== null) for (const path of paths) state.settled[keyOf(path)] = [status, id];
  else settleUnnamed(state, { status, part: id, count: numberIn(event, 'recipients') ?? 1 });
}

function takeRefused(state: MessageState, id: string, event: RecordedEvent): void {
  if (event.facts['stage'] !== 'decide') {
    endAll(state, 'refused', id, event);
    return;
  }
  say(state, 'refused', event);
  const count = numberIn(event, 'recipients') ?? unplaced(state);
  settleUnnamed(state, { status: 'refused', part: id, count });
  state.pending = null;
}

/** All that still waits or is held under this id comes to this end. */
function endAll(
  state: MessageState,
  status: 'failed' | 'expired' | 'dropped' | 'refused' | 'relayed',
  id: string,
  event: RecordedEvent,
): void {
  say(state, status, event);
  const part = state.parts[id];
  if (part === undefined || part.kind === 'moved') {
    settleUnnamed(state, { status, part: id, count: unplaced(state) });
    return;
  }
  state.parts[id] = { ...part, kind: 'ended' };
  const inPart = (part.size ?? count(state).waiting) - settledIn(state, id);
  settleUnnamed(state, { status, part: id, count: inPart });
}

/** Never more than are left: a crash may put an event into the log twice. */
function settleUnnamed(
  state: MessageState,
  of: { readonly status: Status; readonly part: string; readonly count: number },
): void {
  const left = count(state).waiting;
  for (let n = 0, done = 0; done < Math.min(of.count, left); n += 1) {
    const key = `${of.part}/${n}`;
    if (state.settled[key] !== undefined) continue;
    state.settled[key] = [of.status, of.part];
    done += 1;
  }
}

function addPart(state: MessageState, id: string, part: Part): void {
  if (Object.keys(state.parts).length >= MAX_PARTS) return;
  // After a crash the same work is told of again; what came of it since stands.
  state.parts[id] ??= part;
}

function hold(state: MessageState, event: RecordedEvent): void {
  state.wasHeld = true;
  say(state, 'held', event);
}

function say(state: MessageState, what: Said, event: RecordedEvent): void {
  state.said[what] = event.index;
}

function settledIn(state: MessageState, id: string): number {
  let found = 0;
  for (const [, part] of Object.values(state.settled)) if (part === id) found += 1;
  return found;
}

/** Recipients that wait and are in no output: the filter has not settled them. */
function unplaced(state: MessageState): number {
  let inOutputs = 0;
  for (const [id, part] of Object.entries(state.parts)) {
    if (part.kind === 'output') inOutputs += Math.max(0, (part.size ?? 0) - settledIn(state, id));
  }
  return Math.max(0, count(state).waiting - inOutputs);
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

/** The outcome of the whole message, and the event that says why. */
export function outcomeOf(state: MessageState): { outcome: MessageOutcome; said: number | null } {
  const said = (...which: Said[]) =>
    which.map((one) => state.said[one]).find((one) => one !== undefined) ?? null;
  if (state.ending !== null) return { outcome: state.ending, said: said(state.ending) };
  const found = count(state);
  if (found.held > 0) return { outcome: 'held', said: said('held') };
  if (found.waiting > 0) return { outcome: 'waiting', said: said('waiting') };
  if (found.relayed === found.total) return { outcome: 'relayed', said: said('relayed') };
  const worst = (['failed', 'expired', 'refused', 'dropped'] as const).find(
    (one) => found[one] > 0,
  );
  if (worst === undefined) return { outcome: 'waiting', said: null };
  return { outcome: found.relayed > 0 ? 'partly-relayed' : worst, said: said(worst) };
}

/** Milliseconds from acceptance to the last relay; null if it is not all relayed or was ever held. */
export function latencyOf(state: MessageState, acceptedAt: number): number | null {
  if (state.wasHeld || state.lastRelayed === null) return null;
  if (outcomeOf(state).outcome !== 'relayed') return null;
  return Math.max(0, state.lastRelayed - acceptedAt);
}

/** Partners' domains that the event names. */
export function partnerDomainsIn(state: MessageState, event: RecordedEvent): readonly unknown[] {
  const { domains } = event.facts;
  if (event.kind === 'accepted') {
    const from = event.personal['reversePath'];
    if (state.origin === 'inward') return typeof from === 'string' ? [domainOf(from)] : [];
    return (forwardPathsOf(event.personal) ?? []).map(domainOf);
  }
  return Array.isArray(domains) ? domains : [];
}

function numberIn(event: RecordedEvent, name: string): number | null {
  const value = event.facts[name];
  return typeof value === 'number' ? value : null;
}

function idsIn(outputs: unknown): { id: string; folder: string | null }[] {
  if (!Array.isArray(outputs)) return [];
  return outputs.flatMap((one: unknown) => {
    if (typeof one !== 'object' || one === null || !('id' in one)) return [];
    const folder = 'folder' in one && typeof one.folder === 'string' ? one.folder : null;
    return typeof one.id === 'string' ? [{ id: one.id, folder }] : [];
  });
}

function keyOf(path: string): string {
  return hash('sha256', path, 'hex').slice(0, 12);
}
