import type { IpcClient } from '../client.ts';
import { IpcUnavailable } from '../errors.ts';
import type { CallResult } from '../protocol.ts';
import type { hintProtocol, QueueEntry } from '../protocols/hint.ts';
import type { QueuePageQuery } from './queue-page.ts';

type QueueClient = Pick<IpcClient<typeof hintProtocol>, 'call'>;

/** The two processes that have a part of the queue each, in the order in which they are asked. */
export const QUEUE_PARTS = ['outward', 'egress'] as const;
export type QueuePart = (typeof QUEUE_PARTS)[number];
export type QueueClients = Readonly<Record<QueuePart, QueueClient>>;

/** A part of the queue that gave no answer, so what it has is not known. */
export interface AwayPart {
  readonly part: QueuePart;
  readonly cause: IpcUnavailable;
}

async function askParts<R>(
  clients: QueueClients,
  ask: (client: QueueClient) => Promise<R>,
): Promise<{ readonly answers: R[]; readonly away: AwayPart[] }> {
  const asked = QUEUE_PARTS.map(async (part) => {
    try {
      return { answers: [await ask(clients[part])], away: [] };
    } catch (cause) {
      if (!(cause instanceof IpcUnavailable)) throw cause;
      return { answers: [], away: [{ part, cause }] };
    }
  });
  const all = await Promise.all(asked);
  return { answers: all.flatMap((one) => one.answers), away: all.flatMap((one) => one.away) };
}

export interface ListedQueue {
  /** The oldest first. */
  readonly entries: readonly QueueEntry[];
  /** There are more than were asked for. */
  readonly more: boolean;
  readonly away: readonly AwayPart[];
}

/** What both parts have of what is meant. @throws IpcRefused if one of them refuses. */
export async function listQueue(
  clients: QueueClients,
  wanted: QueuePageQuery & { readonly limit: number },
): Promise<ListedQueue> {
  const { answers, away } = await askParts(
    clients,
    async (client) => await client.call('list', { ...wanted }),
  );
  const found = answers.flatMap(({ entries }) => entries).sort(byAge);
  // What a part has beyond its own page may come before the last one of the other's.
  const [end] = answers.flatMap(({ entries, more }) => (more ? lastIdOf(entries) : [])).sort();
  const known = end === undefined ? found : found.filter(({ id }) => id <= end);
  const entries = known.slice(0, wanted.limit);
  const more = entries.length < found.length || answers.some((answer) => answer.more);
  return { entries, more, away };
}

function lastIdOf(entries: readonly QueueEntry[]): string[] {
  return entries.slice(-1).map(({ id }) => id);
}

/** Ids sort by age. */
function byAge(a: QueueEntry, b: QueueEntry): number {
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return a.createdAt.localeCompare(b.createdAt);
}

export type ShownEntry =
  | Extract<CallResult<typeof hintProtocol, 'show'>, { kind: 'entry' }>
  /** Not found; it may be in a part that is away. */
  | { readonly kind: 'unknown-id'; readonly away: readonly AwayPart[] };

/** All that is known of one message of the queue. */
export async function showQueued(clients: QueueClients, id: string): Promise<ShownEntry> {
  const { answers, away } = await askParts(
    clients,
    async (client) => await client.call('show', { id }),
  );
  return answers.find((answer) => answer.kind === 'entry') ?? { kind: 'unknown-id', away };
}

export type QueueVerb = 'release' | 'retry' | 'drop';

export interface QueueOrder {
  readonly verb: QueueVerb;
  readonly id: string;
  /** Who gives it, for the audit log. */
  readonly by: string;
  /** drop: whether the author is told. */
  readonly notify: boolean;
}

export type OrderAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'not-possible'; readonly sentence: string }
  | { readonly kind: 'unknown-id'; readonly away: readonly AwayPart[] };

/** Does one verb at whichever part has the message, and at no second one. */
export async function orderQueued(clients: QueueClients, order: QueueOrder): Promise<OrderAnswer> {
  const away: AwayPart[] = [];
  let refused: OrderAnswer | null = null;
  for (const part of QUEUE_PARTS) {
    try {
      const answer = await giveOrder(clients[part], order);
      if (answer.kind === 'done') return answer;
      if (answer.kind === 'not-possible') refused ??= answer;
    } catch (cause) {
      // The other one may have it.
      if (!(cause instanceof IpcUnavailable)) throw cause;
      away.push({ part, cause });
    }
  }
  return refused ?? { kind: 'unknown-id', away };
}

async function giveOrder(client: QueueClient, { verb, id, by, notify }: QueueOrder) {
  switch (verb) {
    case 'release':
      return await client.call('release', { id, by });
    case 'retry':
      return await client.call('retry', { id });
    case 'drop':
      return await client.call('drop', { id, by, notify });
  }
}

/** A held message is not tried again, one that waits is not released, and `corrupt` is kept. */
export function takesOrder(state: QueueEntry['state'], verb: QueueVerb): boolean {
  if (state === 'corrupt') return false;
  return verb === 'drop' || (state === 'held') === (verb === 'release');
}
