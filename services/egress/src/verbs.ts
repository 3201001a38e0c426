import {
  type CallResult,
  type egressProtocol,
  type Handlers,
  type QueueEntry,
  type QueuePageQuery,
  queuePage,
} from '@sallyport/ipc';
import { type Clock, parseDomain, parseQueueId, type QueueId } from '@sallyport/mail';
import type { JobSchedule, JobState } from '@sallyport/queue';
import { type QueueFileHeader, type Spool, SpoolCorruptError } from '@sallyport/spool';
import { type DeliveryState, parseState, waitingOf } from './delivery-state.ts';
import type { Destinations } from './destinations.ts';
import { type FlushPorts, flush } from './flush.ts';
import { outgoingJob } from './jobs.ts';
import type { SizeProbe } from './probe-size.ts';
import { dropWaiting } from './settle-drop.ts';

type Egress = typeof egressProtocol;
type Done = CallResult<Egress, 'retry'>;

export interface VerbPorts extends FlushPorts {
  readonly spool: Spool;
  readonly schedule: JobSchedule;
  readonly probe: SizeProbe;
  readonly clock: Clock;
  readonly destinations: Destinations;
  /** Keeps the paused destinations over a restart. */
  readonly savePaused: () => Promise<void>;
  /** The ids that are being worked on. */
  readonly active: ReadonlySet<QueueId>;
}

/** The queue verbs and hints of egress. */
export function createVerbs(ports: VerbPorts): Handlers<Egress> {
  const { spool, schedule } = ports;
  return {
    hint: async ({ id: text, destination }) => {
      const id = parseQueueId(text);
      if (id === null) return {};
      const job =
        destination === undefined
          ? await outgoingJob(spool, id)
          : { id, dueAt: ports.clock.now(), destination };
      if (job !== null) await schedule.add(job);
      return {};
    },
    list: (query) => list(ports, query),
    show: async ({ id }) => {
      const found = await load(ports, id);
      if (found === null) return { kind: 'unknown-id' };
      const entry = entryOf(found, await jobStates(ports));
      return { kind: 'entry', entry, details: detailsOf(found) };
    },
    release: async () => ({
      kind: 'not-possible',
      sentence: 'this message waits for its next attempt and is not held: use retry',
    }),
    retry: ({ id }) => retry(ports, id),
    drop: ({ id, by, notify }) => drop(ports, { id, by, notify }),
    pause: async ({ destination, by }) => {
      await recordPause(ports, 'destination-paused', { destination, by });
      await schedule.pause(destinationName(destination));
      await ports.savePaused();
      return {};
    },
    resume: async ({ destination, by }) => {
      await recordPause(ports, 'destination-resumed', { destination, by });
      await schedule.resume(destinationName(destination));
      await ports.savePaused();
      return {};
    },
    probeSize: async ({ domain: text }) => {
      const domain = parseDomain(text);
      return { sizeBytes: domain === null ? null : await ports.probe.probe(domain) };
    },
  };
}

function destinationName(text: string): string {
  return parseDomain(text) ?? text.toLowerCase();
}

/** Before it takes effect: who asks which destinations are stopped asks the log. */
async function recordPause(
  ports: VerbPorts,
  kind: 'destination-paused' | 'destination-resumed',
  what: { readonly destination: string; readonly by: string },
): Promise<void> {
  const destination = destinationName(what.destination);
  await ports.recorder.record({ kind, destination, personal: { by: what.by } }, { durable: true });
}

interface Found {
  readonly id: QueueId;
  readonly header: QueueFileHeader;
  readonly sizeBytes: number;
  readonly state: DeliveryState;
}

async function load(ports: VerbPorts, text: string): Promise<Found | null> {
  const id = parseQueueId(text);
  if (id === null) return null;
  const read = await ports.spool.readHeader('outgoing', id);
  if (read.kind !== 'ok') return null;
  const state = parseState(await ports.spool.readState('outgoing', id), read.header);
  return { id, header: read.header, sizeBytes: read.sizeBytes, state };
}

/** One damaged state must not keep the list from the others; its job sets the message aside. */
function unlessCorrupt(error: unknown): null {
  if (error instanceof SpoolCorruptError) return null;
  throw error;
}

interface JobStates {
  readonly paused: ReadonlySet<string>;
  readonly byId: ReadonlyMap<QueueId, JobState>;
}

async function jobStates(ports: VerbPorts): Promise<JobStates> {
  const views = await ports.schedule.snapshot();
  return {
    paused: new Set(await ports.schedule.paused()),
    byId: new Map(views.map(({ id, state }) => [id, state])),
  };
}

async function list(
  ports: VerbPorts,
  query: QueuePageQuery,
): Promise<{ entries: QueueEntry[]; more: boolean }> {
  if (query.place === 'hold') return { entries: [], more: false };
  const states = await jobStates(ports);
  return await queuePage(query, namesIn(ports), async ({ id }) => {
    const found = await load(ports, id).catch(unlessCorrupt);
    return found === null ? null : entryOf(found, states);
  });
}

async function* namesIn({ spool }: VerbPorts) {
  for await (const id of spool.list('outgoing')) yield { id };
}

function entryOf({ id, header, sizeBytes, state }: Found, states: JobStates): QueueEntry {
  const waiting = waitingOf(state);
  const paths = waiting.flatMap((at) => header.forwardPaths[at]?.path ?? []);
  const [first = 0] = waiting;
  const recipient = state.recipients[first];
  const destination = (paths[0] ?? '').split('@').at(-1) ?? null;
  const job = states.byId.get(id);
  const isPaused = job === 'paused' || (destination !== null && states.paused.has(destination));
  return {
    id,
    state: job === 'running' ? 'active' : isPaused ? 'paused' : 'waiting',
    folder: 'outgoing',
    createdAt: header.createdAt,
    dueAt: state.nextAttemptAt,
    destination,
    reversePath: header.reversePath,
    forwardPaths: paths,
    sizeBytes,
    attempts: state.attempts,
    fault: recipient?.fault ?? null,
    sentence: recipient?.sentence ?? 'not tried yet',
  };
}

function detailsOf({ header, state }: Found): Record<string, unknown> {
  return {
    origin: header.origin,
    rule: header.extra['rule'] ?? null,
    policyVersion: header.extra['policyVersion'] ?? null,
    recipients: state.recipients.map((recipient, at) => ({
      path: header.forwardPaths[at]?.path ?? '',
      ...recipient,
    })),
  };
}

async function retry(ports: VerbPorts, text: string): Promise<Done> {
  const found = await load(ports, text);
  if (found === null) return { kind: 'unknown-id' };
  if (ports.active.has(found.id)) {
    return { kind: 'not-possible', sentence: 'it is being delivered at this moment' };
  }
  await ports.spool.writeState('outgoing', found.id, { ...found.state, nextAttemptAt: null });
  const job = await outgoingJob(ports.spool, found.id);
  if (job !== null) await ports.schedule.add(job);
  if (job?.destination != null) ports.destinations.tryNow(job.destination);
  await ports.schedule.wake(found.id);
  return { kind: 'done' };
}

async function drop(
  ports: VerbPorts,
  request: { readonly id: string; readonly by: string; readonly notify: boolean },
): Promise<Done> {
  const found = await load(ports, request.id);
  if (found === null) return { kind: 'unknown-id' };
  if (ports.active.has(found.id)) {
    return { kind: 'not-possible', sentence: 'it is being delivered at this moment' };
  }
  const read = await ports.spool.read('outgoing', found.id);
  if (read.kind !== 'ok') return { kind: 'unknown-id' };
  await ports.schedule.remove(found.id);
  const now = ports.clock.now();
  const state = dropWaiting({ header: read.header, state: found.state, ...request, now });
  await ports.spool.writeState('outgoing', found.id, state);
  await flush({ header: read.header, content: read.content }, state, ports);
  await ports.spool.remove('outgoing', found.id);
  return { kind: 'done' };
}
