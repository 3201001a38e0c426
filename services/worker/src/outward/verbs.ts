import type { CallResult, Handlers, hintProtocol } from '@sallyport/ipc';
import { type Clock, parseQueueId, type QueueId } from '@sallyport/mail';
import type { JobSchedule } from '@sallyport/queue';
import type { Recorder } from '../shared/ports.ts';
import { entryOf, FOLDERS, type Folder, type ListPorts, listQueue } from './queue-list.ts';
import { outwardJob } from './schedule.ts';
import { FIRST_STATE } from './state.ts';

type Protocol = typeof hintProtocol;

export interface VerbPorts extends ListPorts {
  readonly schedule: JobSchedule;
  /** Resolves when who sent the hint may bring more; within a second. */
  readonly roomAfter: (id: QueueId) => Promise<void>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  /** True while the message is being worked on. */
  readonly isActive: (id: QueueId) => boolean;
  /** Makes a released message from outside ready for the inner MTA, once `record` has succeeded. */
  readonly releaseInward: (id: QueueId, record: () => Promise<void>) => Promise<string | null>;
  /** Tells the author that an operator dropped the message; false where no report may go. */
  readonly notifyDropped: (folder: 'incoming' | 'hold', id: QueueId) => Promise<boolean>;
}

/** First come, first served: a hint counts from when it came. */
async function takeHint(
  { id, destination }: { readonly id: string; readonly destination?: string | undefined },
  ports: VerbPorts,
): Promise<Record<string, never>> {
  const queueId = parseQueueId(id);
  if (queueId === null) return {};
  const job =
    destination === undefined
      ? await outwardJob(ports.spool, queueId)
      : { id: queueId, dueAt: ports.clock.now(), destination };
  if (job === null) return {};
  // Before its turn can come: what has started already would wait for room and never leave it.
  const room = ports.roomAfter(queueId);
  await ports.schedule.add(job);
  await room;
  return {};
}

type Done = CallResult<Protocol, 'drop'>;

const BUSY = 'it is being worked on at this moment; ask again';

/** Job hints and queue verbs over `incoming`, `hold` and `corrupt`. */
export function outwardVerbs(ports: VerbPorts): Handlers<Protocol> {
  const underWay = new Set<QueueId>();
  /** Two orders for one message at once would both find it, and both be on record as done. */
  const alone = async (text: string, order: (found: Found | null) => Promise<Done>) => {
    const known = await find(text, ports);
    if (known === null) return await order(null);
    const { id } = known;
    if (underWay.has(id)) return { kind: 'not-possible', sentence: BUSY } as const;
    underWay.add(id);
    try {
      return await order(await find(id, ports));
    } finally {
      underWay.delete(id);
    }
  };
  return {
    hint: (params) => takeHint(params, ports),
    list: async (query) => await listQueue(query, ports),
    show: async ({ id }) => {
      const found = await find(id, ports);
      if (found === null) return { kind: 'unknown-id' };
      const entry = await entryOf(found.folder, found.id, ports);
      if (entry === null) return { kind: 'unknown-id' };
      const read = await ports.spool.readHeader(found.folder, found.id);
      return { kind: 'entry', entry, details: read.kind === 'ok' ? { ...read.header } : {} };
    },
    release: async ({ id, by }) => await alone(id, (found) => release(found, by, ports)),
    retry: async ({ id }) => {
      const found = await find(id, ports);
      if (found?.folder !== 'incoming')
        return unknownOrNot(found, 'only a waiting message is tried again');
      await ports.schedule.add({ id: found.id, dueAt: new Date(0), destination: null });
      await ports.schedule.wake(found.id);
      return { kind: 'done' };
    },
    drop: async ({ id, by, notify }) =>
      await alone(id, (found) => drop(found, { by, notify }, ports)),
  };
}

async function drop(
  found: Found | null,
  { by, notify }: { readonly by: string; readonly notify: boolean },
  ports: VerbPorts,
): Promise<Done> {
  if (found === null || found.folder === 'corrupt') {
    return unknownOrNot(found, 'a file in corrupt is kept; move it away by hand');
  }
  const { folder, id } = found;
  if (ports.isActive(id)) return unknownOrNot(found, BUSY);
  // While its author is told, its turn must not come.
  await ports.schedule.remove(id);
  if (ports.isActive(id)) return unknownOrNot(found, BUSY); // the next scan knows it again
  const notified = notify && (await ports.notifyDropped(folder, id));
  await ports.recorder.record({ kind: 'dropped', queueId: id, notified, personal: { by } }, true);
  await ports.spool.remove(folder, id);
  return { kind: 'done' };
}

function unknownOrNot(
  found: Found | null,
  sentence: string,
): { kind: 'unknown-id' } | { kind: 'not-possible'; sentence: string } {
  return found === null ? { kind: 'unknown-id' } : { kind: 'not-possible', sentence };
}

interface Found {
  readonly folder: Folder;
  readonly id: QueueId;
}

async function find(text: string, ports: VerbPorts): Promise<Found | null> {
  const id = parseQueueId(text);
  if (id === null) return null;
  for (const folder of FOLDERS) {
    const read = await ports.spool.readHeader(folder, id);
    if (read.kind !== 'gone') return { folder, id };
  }
  return await findHeldCopy(id, ports);
}

/** A held copy has an id of its own; people ask by the one that was given with the 250. */
async function findHeldCopy(accepted: QueueId, ports: VerbPorts): Promise<Found | null> {
  for await (const id of ports.spool.list('hold')) {
    const read = await ports.spool.readHeader('hold', id);
    if (read.kind !== 'ok') continue;
    const { acceptedAs, receivedAs } = read.header.extra;
    if (acceptedAs === accepted || receivedAs === accepted) return { folder: 'hold', id };
  }
  return null;
}

async function release(found: Found | null, by: string, ports: VerbPorts): Promise<Done> {
  if (found?.folder !== 'hold') return unknownOrNot(found, 'only a held message can be released');
  const read = await ports.spool.readHeader('hold', found.id);
  if (read.kind !== 'ok') return unknownOrNot(found, 'the file cannot be read');
  const released = { kind: 'released', queueId: found.id, personal: { by } } as const;
  if (read.header.origin === 'inward') {
    const refusal = await ports.releaseInward(found.id, () =>
      ports.recorder.record(released, true),
    );
    return refusal === null ? { kind: 'done' } : { kind: 'not-possible', sentence: refusal };
  }
  await ports.recorder.record(released, true);
  // Decided anew under the present policy: only the filter's hold is lifted.
  await ports.spool.writeState('hold', found.id, {
    ...FIRST_STATE,
    releasedAt: ports.clock.now().toISOString(),
  });
  await ports.spool.commit(found.id, 'hold', 'incoming');
  const job = await outwardJob(ports.spool, found.id);
  if (job !== null) await ports.schedule.add(job);
  return { kind: 'done' };
}
