import type { FaultId } from '@sallyport/faults';
import type { Logger, Metrics } from '@sallyport/log';
import { type Clock, type Content, parseMailbox, type QueueId } from '@sallyport/mail';
import type { JobOutcome, RetrySchedule } from '@sallyport/queue';
import { type QueueFileHeader, SpoolCorruptError } from '@sallyport/spool';
import { countTried } from './delivery-counts.ts';
import { type DeliveryState, isComplete, parseState, waitingOf } from './delivery-state.ts';
import { OutcomeUnsaved } from './files.ts';
import { type FlushPorts, flush } from './flush.ts';
import { RecorderUnavailable } from './ports.ts';
import { settle } from './settle.ts';
import { restOf, type TryPorts, tryWaiting } from './try-waiting.ts';

export interface DeliverPorts extends TryPorts, FlushPorts {
  readonly schedule: RetrySchedule;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Left out: nobody counts. */
  readonly metrics?: Metrics;
}

const REST_MS = 15_000;
const PAUSED_REST_MS = 60_000;

/** Works on one message of `outgoing`: the job of its id. */
export async function deliver(id: QueueId, ports: DeliverPorts): Promise<JobOutcome> {
  try {
    return await deliverRecorded(id, ports);
  } catch (error) {
    const fault = errorFault(error);
    if (fault === null) throw error;
    ports.logger.warn('delivery.waits', { queueId: id, fault, cause: error });
    return { kind: 'again', at: new Date(ports.clock.now().getTime() + REST_MS) };
  }
}

/** What keeps everything waiting: nothing leaves that could not be recorded or remembered. */
function errorFault(error: unknown): FaultId | null {
  if (error instanceof RecorderUnavailable) return 'recorder-unavailable';
  return error instanceof OutcomeUnsaved ? 'spool-full' : null;
}

async function deliverRecorded(id: QueueId, ports: DeliverPorts): Promise<JobOutcome> {
  // Nothing leaves that could not be recorded.
  await ports.recorder.ping();
  const read = await ports.files.read(id);
  if (read.kind === 'gone') return { kind: 'done' };
  if (read.kind === 'corrupt') return setAside(id, read.reason, ports);
  const message = { header: read.header, content: read.content };
  const known = await stateOf(read.header, ports);
  if (known.kind === 'corrupt') return setAside(id, known.reason, ports);
  let { state } = known;
  if (state.outbox.length + state.reports.length > 0) {
    state = await flush(message, state, ports);
    await ports.files.writeState(id, state);
  }
  if (isComplete(state)) return finish(id, ports);
  const notDue = dueLater(state, ports.clock.now());
  if (notDue !== null) return notDue;
  const tried = await tryWaiting(message, state, ports);
  if (tried.length === 0) {
    return { kind: 'again', at: new Date(ports.clock.now().getTime() + PAUSED_REST_MS) };
  }
  const { header } = message;
  const now = ports.clock.now();
  const restUntil = restOf(header, tried, ports.destinations);
  const settled = settle({ header, state, tried, now, schedule: ports.schedule, restUntil });
  const done = await conclude(message, settled, ports);
  // Once it is on disk or told: what a crash undoes is counted when it is done again.
  if (ports.metrics !== undefined) countTried(ports.metrics, { header, tried, settled, now });
  return done;
}

/** What cannot be read back goes to `corrupt`, never away (design section 4). */
async function setAside(id: QueueId, reason: string, ports: DeliverPorts): Promise<JobOutcome> {
  await ports.recorder.record(
    { kind: 'corrupt-found', queueId: id, folder: 'outgoing', reason: reason.slice(0, 2_000) },
    { durable: true },
  );
  await ports.files.quarantine(id, reason);
  return { kind: 'done' };
}

/** Without its state nobody knows who has the message already. */
async function stateOf(
  header: QueueFileHeader,
  ports: DeliverPorts,
): Promise<
  | { readonly kind: 'ok'; readonly state: DeliveryState }
  | { readonly kind: 'corrupt'; readonly reason: string }
> {
  try {
    const state = parseState(await ports.files.readState(header.id), header);
    return { kind: 'ok', state };
  } catch (error) {
    if (error instanceof SpoolCorruptError) return { kind: 'corrupt', reason: error.message };
    throw error;
  }
}

function dueLater(state: DeliveryState, now: Date): JobOutcome | null {
  if (state.nextAttemptAt === null) return null;
  const at = new Date(state.nextAttemptAt);
  return at > now ? { kind: 'again', at } : null;
}

async function finish(id: QueueId, ports: DeliverPorts): Promise<JobOutcome> {
  await ports.files.remove(id);
  return { kind: 'done' };
}

/**
 * Puts an attempt's outcome on disk and tells the recorder. A message that is relayed whole skips
 * its state file: until its removal a crash costs at most one extra copy.
 */
async function conclude(
  message: { readonly header: QueueFileHeader; readonly content: Content },
  settled: DeliveryState,
  ports: DeliverPorts,
): Promise<JobOutcome> {
  const { id } = message.header;
  const isWhole = waitingOf(settled).length === 0 && settled.reports.length === 0;
  if (!isWhole) await ports.files.writeState(id, settled);
  let flushed: DeliveryState;
  try {
    flushed = await flush(message, settled, ports);
  } catch (error) {
    if (isWhole) await ports.files.writeState(id, settled);
    throw error;
  }
  if (isComplete(flushed)) return finish(id, ports);
  await ports.files.writeState(id, flushed);
  const at = new Date(flushed.nextAttemptAt ?? ports.clock.now());
  return { kind: 'again', at, destination: destinationOf(message.header, flushed) };
}

/** The domain of the first recipient that waits: what the job's destination is. */
export function destinationOf(header: QueueFileHeader, state: DeliveryState): string | null {
  const [first] = waitingOf(state);
  const path = first === undefined ? undefined : header.forwardPaths[first]?.path;
  return path === undefined ? null : (parseMailbox(path)?.domain ?? null);
}
