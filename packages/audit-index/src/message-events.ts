import type { RecordedEvent } from '@sallyport/audit-log';
import { childQueueId, parseQueueId } from '@sallyport/mail';
import {
  addPart,
  leftOf,
  type MessageState,
  type Said,
  type Status,
  settleNamed,
  settleOnce,
  settleUnnamed,
} from './message-state.ts';
import { domainOf, forwardPathsOf } from './terms.ts';

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
      if (event.facts['decision'] === 'wait') state.waits[id] = event.index;
      return [];
    case 'protected':
      return takeProtected(state, id, event);
    case 'committed':
      return takeCommitted(state, id, event);
    case 'held':
      return takeHeld(state, id, event);
    case 'released':
      return takeReleased(state, id);
    case 'deferred':
      state.waits[id] = event.index;
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
      endAll(state, 'dropped', event);
      return [];
    case 'corrupt-found':
      endAll(state, 'failed', event);
      return [];
    case 'abandoned':
      state.ending = 'abandoned';
      say(state, 'abandoned', event);
      return [];
    default: // the others tell of steps that settle nobody
      return [];
  }
}

function takeProtected(state: MessageState, from: string, event: RecordedEvent): string[] {
  const ids = idsIn(event.facts['outputs']);
  const size = ids.length === 1 ? state.pending : null;
  for (const { id } of ids) addPart(state, id, { kind: 'output', size, from });
  state.pending = null;
  return ids.map(({ id }) => id);
}

function takeCommitted(state: MessageState, from: string, event: RecordedEvent): string[] {
  const ids = idsIn(event.facts['results']);
  if (ids.length === 0) {
    state.ending = 'kept';
    say(state, 'kept', event);
  }
  const size = ids.length === 1 ? state.total : null;
  for (const { id, folder } of ids) {
    if (folder === 'hold') hold(state, id, { size, why: event.index, from });
    else addPart(state, id, { kind: 'output', size, from });
  }
  return ids.map(({ id }) => id);
}

function takeHeld(state: MessageState, from: string, event: RecordedEvent): string[] {
  const { heldId } = event.facts;
  const copy = typeof heldId === 'string' ? heldId : from;
  const why = event.index;
  if (state.parts[from]?.kind === 'output') {
    // Egress could not deliver it and nobody may be told: those that failed are in hold instead.
    const failed = Object.entries(state.settled).filter(
      ([, [status, part]]) => part === from && (status === 'failed' || status === 'expired'),
    );
    for (const [key] of failed) delete state.settled[key];
    hold(state, copy, { size: Math.max(1, failed.length), why, from });
    // What went wrong shows again if it goes wrong again.
    shrink(state, from, failed.length);
  } else {
    hold(state, copy, { size: state.pending ?? leftOf(state, from), why, from });
  }
  state.pending = null;
  return copy === from ? [] : [copy];
}

function hold(
  state: MessageState,
  id: string,
  of: { readonly size: number | null; readonly why: number; readonly from: string },
): void {
  state.wasHeld = true;
  addPart(state, id, { kind: 'held', ...of });
}

function shrink(state: MessageState, id: string, by: number): void {
  const part = state.parts[id];
  if (part === undefined || part.size === null) return;
  state.parts[id] = { ...part, size: Math.max(0, part.size - by) };
}

/** What is released comes back into the queue: outward by its own id, inward by one made of it. */
function takeReleased(state: MessageState, id: string): string[] {
  const part = state.parts[id];
  const queueId = parseQueueId(id);
  if (part?.kind !== 'held' || queueId === null) return [];
  state.parts[id] = { kind: 'moved', size: part.size };
  if (state.origin !== 'inward') return [];
  const child = childQueueId(queueId, 'released');
  addPart(state, child, { kind: 'output', size: part.size, from: id });
  return [child];
}

function takeDelivery(
  state: MessageState,
  status: 'relayed' | 'failed' | 'expired',
  event: RecordedEvent,
): void {
  const part = event.queueId ?? '';
  const paths = forwardPathsOf(event.personal);
  const isNamed = Object.keys(event.personal).some((name) => name.startsWith('forwardPath'));
  if (!isNamed && typeof event.facts['recipients'] !== 'number') {
    endAll(state, status, event); // it was given up before it was sent on
    return;
  }
  say(state, status, event);
  if (status === 'relayed') state.lastRelayed = Date.parse(event.time);
  if (paths !== null) for (const path of paths) settleNamed(state, path, { status, part });
  else settleUnnamed(state, { status, part, count: numberIn(event, 'recipients') ?? 1 });
}

function takeRefused(state: MessageState, part: string, event: RecordedEvent): void {
  if (event.facts['stage'] !== 'decide') {
    endAll(state, 'refused', event);
    return;
  }
  say(state, 'refused', event);
  const count = numberIn(event, 'recipients') ?? leftOf(state, part);
  settleOnce(state, event.facts, { status: 'refused', part, count });
  state.pending = null;
}

/** All that still waits or is held under its id comes to this end. */
function endAll(state: MessageState, status: Status, event: RecordedEvent): void {
  const id = event.queueId ?? '';
  say(state, status, event);
  const left = leftOf(state, id);
  const part = state.parts[id];
  if (part !== undefined && part.kind !== 'moved') state.parts[id] = { ...part, kind: 'ended' };
  settleUnnamed(state, { status, part: id, count: left });
}

function say(state: MessageState, what: Said, event: RecordedEvent): void {
  state.said[what] = event.index;
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
