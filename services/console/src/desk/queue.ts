import {
  listQueue,
  orderQueued,
  type QueueEntry,
  type QueuePart,
  type QueueSelection,
  type QueueVerb,
  showQueued,
  takesOrder,
} from '@sallyport/ipc';
import { type Domain, parseDomain, parseQueueId } from '@sallyport/mail';
import { readActivePolicy } from '@sallyport/policy-store/read';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import { upToDate } from './up-to-date.ts';

/** As many as one answer of a part of the queue holds. */
const MAX_LISTED = 1_000;
const MAX_DESTINATION_EVENTS = 1_000;

/** Which messages; an absent field asks for nothing. */
export interface QueueFilter {
  readonly state?: Exclude<QueueEntry['state'], 'held'>;
  /** Name of a partner record of the policy in force. */
  readonly partner?: string;
  /** An address or a domain. */
  readonly recipient?: string;
}

interface QueueView {
  readonly kind: 'view';
  /** The oldest first. */
  readonly entries: readonly QueueEntry[];
  /** There are more than are shown. */
  readonly more: boolean;
  /** Parts that do not answer: what they have is missing here. */
  readonly away: readonly QueuePart[];
}

type Shown =
  | {
      readonly kind: 'entry';
      readonly entry: QueueEntry;
      readonly details: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'unknown-id' }
  | { readonly kind: 'away'; readonly parts: readonly QueuePart[] };

export type OrderDone =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly sentence: string }
  | { readonly kind: 'unknown-id' }
  | { readonly kind: 'away'; readonly parts: readonly QueuePart[] };

export interface QueueDesk {
  /** All that waits or is held, as far as one answer goes. */
  everything(): Promise<QueueView>;
  /** What waits, is worked on or is stuck; nothing that is held. */
  waiting(filter: QueueFilter): Promise<QueueView | { readonly kind: 'unknown-partner' }>;
  held(
    filter: Omit<QueueFilter, 'state'>,
  ): Promise<QueueView | { readonly kind: 'unknown-partner' }>;
  /** One message that is not held. */
  show(id: string): Promise<Shown>;
  /** One held message. That it was looked at is on record before it is answered. */
  viewHeld(actor: Actor, id: string): Promise<Shown>;
  /** One held message, for whoever asks why it is held; nobody is put on record for it. */
  whyHeld(id: string): Promise<QueueEntry | null>;
  retry(actor: Actor, id: string): Promise<OrderDone>;
  /** Ends a message that waits. */
  drop(actor: Actor, order: DropOrder): Promise<OrderDone>;
  release(actor: Actor, id: string): Promise<OrderDone>;
  /** Ends a held message. */
  dropHeld(actor: Actor, order: DropOrder): Promise<OrderDone>;
  /** Stops or starts the way to a domain. */
  stop(actor: Actor, order: StopOrder): Promise<StopDone>;
  /** Domains that an operator stopped, as the log has it. */
  stopped(): Promise<readonly string[]>;
}

interface DropOrder {
  readonly id: string;
  /** Whether the author is told. */
  readonly notify: boolean;
}

interface StopOrder {
  readonly verb: 'pause' | 'resume';
  readonly domain: string;
}
type StopDone = { readonly kind: 'done' } | { readonly kind: 'no-domain' };

export function createQueue(ports: DeskPorts): QueueDesk {
  return {
    everything: async () => await listAll(ports, {}),
    waiting: async (filter) => {
      const listed = await list(ports, filter, filter.state);
      if (listed.kind !== 'view') return listed;
      return { ...listed, entries: listed.entries.filter(({ state }) => state !== 'held') };
    },
    held: async (filter) => await list(ports, filter, 'held'),
    show: async (id) => unlessHeld(await show(ports, id)),
    viewHeld: async (actor, id) => {
      const shown = await show(ports, id);
      if (shown.kind !== 'entry') return shown;
      if (shown.entry.state !== 'held') return { kind: 'unknown-id' };
      const { entry } = shown;
      await ports.record({
        kind: 'held-message-viewed',
        queueId: entry.id,
        personal: { by: actor.name },
      });
      return shown;
    },
    whyHeld: async (id) => {
      const shown = await show(ports, id);
      return shown.kind === 'entry' && shown.entry.state === 'held' ? shown.entry : null;
    },
    retry: async (actor, id) => await order(ports, actor, { verb: 'retry', id, notify: false }),
    drop: async (actor, { id, notify }) =>
      await order(ports, actor, { verb: 'drop', id, notify, place: 'queue' }),
    release: async (actor, id) => await order(ports, actor, { verb: 'release', id, notify: false }),
    dropHeld: async (actor, { id, notify }) =>
      await order(ports, actor, { verb: 'drop', id, notify, place: 'hold' }),
    stop: async (actor, { verb, domain: text }) => {
      const destination = parseDomain(text);
      if (destination === null) return { kind: 'no-domain' };
      await ports.sockets.egress.call(verb, { destination, by: actor.name });
      return { kind: 'done' };
    },
    stopped: async () => await stopped(ports),
  };
}

async function list(
  ports: DeskPorts,
  filter: QueueFilter,
  state: QueueEntry['state'] | undefined,
): Promise<QueueView | { readonly kind: 'unknown-partner' }> {
  const selection = await selectionOf(ports, filter);
  if (selection === null) return { kind: 'unknown-partner' };
  return await listAll(ports, { selection, ...(state === undefined ? {} : { state }) });
}

async function listAll(
  { sockets }: DeskPorts,
  wanted: { readonly selection?: QueueSelection; readonly state?: QueueEntry['state'] },
): Promise<QueueView> {
  const listed = await listQueue(sockets, { limit: MAX_LISTED, ...wanted });
  const away = listed.away.map(({ part }) => part);
  return { kind: 'view', entries: listed.entries, more: listed.more, away };
}

/** Null: the policy in force has no such partner. */
async function selectionOf(
  { options, clock }: DeskPorts,
  { partner, recipient }: QueueFilter,
): Promise<QueueSelection | null> {
  const toRecipient = recipient === undefined ? {} : { recipient };
  if (partner === undefined) return toRecipient;
  const { policy } = await readActivePolicy(options.folders.policy, clock.now());
  const record = policy.partners.find(({ name }) => name === partner);
  return record === undefined ? null : { ...toRecipient, partnerDomains: [...record.domains] };
}

async function show({ sockets }: DeskPorts, text: string): Promise<Shown> {
  const id = parseQueueId(text);
  if (id === null) return { kind: 'unknown-id' };
  const shown = await showQueued(sockets, id);
  if (shown.kind === 'entry') return shown;
  if (shown.away.length === 0) return { kind: 'unknown-id' };
  return { kind: 'away', parts: shown.away.map(({ part }) => part) };
}

function unlessHeld(shown: Shown): Shown {
  return shown.kind === 'entry' && shown.entry.state === 'held' ? { kind: 'unknown-id' } : shown;
}

interface Order extends DropOrder {
  readonly verb: QueueVerb;
  /** Where a drop is allowed: who may end what waits may not be who may end what is held. */
  readonly place?: 'queue' | 'hold';
}

async function order(ports: DeskPorts, actor: Actor, of: Order): Promise<OrderDone> {
  const { verb, notify, place } = of;
  const shown = await show(ports, of.id);
  if (shown.kind !== 'entry') return shown;
  const { id, state } = shown.entry;
  if (place !== undefined && (state === 'held') !== (place === 'hold')) {
    return { kind: 'unknown-id' };
  }
  if (!takesOrder(state, verb)) {
    return { kind: 'refused', sentence: REFUSALS[state === 'corrupt' ? 'corrupt' : verb] };
  }
  // Released and dropped are recorded, with the name, by who does it.
  if (verb === 'retry') {
    await ports.record({
      kind: 'console-order',
      order: verb,
      queueId: id,
      personal: { by: actor.name },
    });
  }
  const answer = await orderQueued(ports.sockets, { verb, id, notify, by: actor.name });
  switch (answer.kind) {
    case 'done':
      return answer;
    case 'not-possible':
      return { kind: 'refused', sentence: answer.sentence };
    case 'unknown-id':
      return answer.away.length === 0
        ? { kind: 'unknown-id' }
        : { kind: 'away', parts: answer.away.map(({ part }) => part) };
  }
}

const REFUSALS = {
  release: 'only a held message can be released',
  retry: 'a held message is not tried again: it is released or dropped',
  drop: 'this message cannot be dropped',
  corrupt: 'a file in corrupt is kept; move it away by hand',
} as const;

/** The last word of the log on each domain. */
async function stopped({ index }: DeskPorts): Promise<readonly string[]> {
  await upToDate(index);
  const kinds = ['destination-paused', 'destination-resumed'];
  const { events } = index.search({ kinds, limit: MAX_DESTINATION_EVENTS });
  const last = new Map<Domain, string>();
  for (const { kind, facts } of events) {
    const { destination } = facts;
    const domain = typeof destination === 'string' ? parseDomain(destination) : null;
    if (domain !== null && !last.has(domain)) last.set(domain, kind);
  }
  return [...last].flatMap(([domain, kind]) => (kind === 'destination-paused' ? [domain] : []));
}
