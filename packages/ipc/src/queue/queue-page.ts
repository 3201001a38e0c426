import { isSelected, type QueueEntry, type QueueSelection } from '../protocols/hint.ts';

const DEFAULT_LIMIT = 100;
/** A frame carries a megabyte, and a message may have many recipients. */
const MAX_PAGE_BYTES = 768 * 1024;

/** Which messages of a part of the queue are asked for. */
export interface QueuePageQuery {
  readonly state?: QueueEntry['state'] | undefined;
  /** `queue`: all that is not held. */
  readonly place?: 'queue' | 'hold' | undefined;
  readonly selection?: QueueSelection | undefined;
  /** Only what comes after this id: the last one of the page before. */
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

/**
 * A page of a part of the queue in the order of the ids, which is that of age. `read` answers null
 * for what is gone by then.
 */
export async function queuePage<T extends { readonly id: string }>(
  query: QueuePageQuery,
  names: AsyncIterable<T>,
  read: (name: T) => Promise<QueueEntry | null>,
): Promise<{ entries: QueueEntry[]; more: boolean }> {
  const { after = '', limit = DEFAULT_LIMIT } = query;
  const entries: QueueEntry[] = [];
  let bytes = 0;
  for (const name of await inOrder(names, after)) {
    const entry = await read(name);
    if (entry === null || !isWanted(entry, query)) continue;
    bytes += Buffer.byteLength(JSON.stringify(entry));
    const isFull = entries.length === limit || (bytes > MAX_PAGE_BYTES && entries.length > 0);
    if (isFull) return { entries, more: true };
    entries.push(entry);
  }
  return { entries, more: false };
}

async function inOrder<T extends { readonly id: string }>(
  names: AsyncIterable<T>,
  after: string,
): Promise<T[]> {
  const found: T[] = [];
  for await (const name of names) if (name.id > after) found.push(name);
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function isWanted(entry: QueueEntry, { state, place, selection = {} }: QueuePageQuery): boolean {
  if (state !== undefined && entry.state !== state) return false;
  if (place !== undefined && (entry.state === 'held') !== (place === 'hold')) return false;
  return isSelected(entry, selection);
}
