import {
  listQueue,
  orderQueued,
  type QueueEntry,
  type QueuePageQuery,
  type QueuePart,
  type QueueSelection,
  type QueueVerb,
  showQueued,
  takesOrder,
} from '@sallyport/ipc';
import { type Domain, parseDomain, parseQueueId } from '@sallyport/mail';
import type { Actor } from '../actor.ts';
import { domainsOfPartner } from './active-policy.ts';
import type { DeskPorts } from './desk.ts';
import { upToDate } from './up-to-date.ts';

/** As many as are counted for the first page: each of them is read from disk. */
const MAX_COUNTED = 1_000;
const MAX_DESTINATION_EVENTS = 1_000;

/** Which messages; an absent field asks for nothing. */
export interface QueueFilter {
  readonly state?: Exclude<QueueEntry['state'], 'held'>;
  /** Name of a partner record of the policy in force. */
  readonly partner?: string;
  /** An address or a domain. */
  readonly recipient?: string;
}

/** A part of a list. */
export interface QueuePage {
  readonly limit: number;
  /** Only what comes after this id: the cursor that the page before gave. */
  readonly after?: string;
}

export interface QueueView {
  readonly kind: 'view';
  /** The oldest first. */
  readonly entries: readonly QueueEntry[];
  /** Cursor of the next page; null at the end. */
  readonly after: string | null;
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
  /** The oldest of what waits and of what is held, a thousand of each. */
  everything(): Promise<{ readonly waiting: QueueView; readonly held: QueueView }>;
  /** What waits, is worked on or is stuck; nothing that is held. */
  waiting(filter: QueueFilter, page: QueuePage): Promise<QueueView | UnknownPartner>;
  held(filter: Omit<QueueFilter, 'state'>, page: QueuePage): Promise<QueueView | UnknownPartner>;
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

interface UnknownPartner {
  readonly kind: 'unknown-partner';
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
    everything: async () => {
      const [waiting, held] = await Promise.all([
        listAll(ports, { place: 'queue', limit: MAX_COUNTED }),
        listAll(ports, { place: 'hold', limit: MAX_COUNTED }),
      ]);
      return { waiting, held };
    },
    waiting: async (filter, page) => await list(ports, filter, { ...page, place: 'queue' }),
    held: async (filter, page) => await list(ports, filter, { ...page, place: 'hold' }),
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

type Wanted = QueuePageQuery & QueuePage;

async function list(
  ports: DeskPorts,
  { state, ...filter }: QueueFilter,
  wanted: Wanted,
): Promise<QueueView | UnknownPartner> {
  const selection = await selectionOf(ports, filter);
  if (selection === null) return { kind: 'unknown-partner' };
  return await listAll(ports, { ...wanted, selection, ...(state === undefined ? {} : { state }) });
}

async function listAll({ sockets }: DeskPorts, wanted: Wanted): Promise<QueueView> {
  const { entries, more, ...listed } = await listQueue(sockets, wanted);
  const away = listed.away.map(({ part }) => part);
  return { kind: 'view', entries, after: more ? (entries.at(-1)?.id ?? null) : null, away };
}

/** Null: the policy in force has no such partner. */
async function selectionOf(
  ports: DeskPorts,
  { partner, recipient }: QueueFilter,
): Promise<QueueSelection | null> {
  const toRecipient = recipient === undefined ? {} : { recipient };
  if (partner === undefined) return toRecipient;
  const domains = await domainsOfPartner(ports, partner);
  return domains === null ? null : { ...toRecipient, partnerDomains: [...domains] };
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
