import type { Clock, QueueId } from '@sallyport/mail';
import { type JobRef, type JobSchedule, restoreJobs } from '@sallyport/queue';
import type { Spool } from '@sallyport/spool';
import { destinationOf } from './deliver.ts';
import { dueAtOf, newState, parseState } from './delivery-state.ts';
import { type Destinations, rememberWay } from './destinations.ts';

/** The job of a file in `outgoing`: due when its state says, for the first domain that waits. */
export async function outgoingJob(
  spool: Spool,
  id: QueueId,
  destinations?: Destinations,
): Promise<JobRef | null> {
  const read = await spool.readHeader('outgoing', id);
  if (read.kind === 'gone') return null;
  // A corrupt file is worked on too: the handler sets it aside.
  if (read.kind === 'corrupt') return { id, dueAt: new Date(0), destination: null };
  try {
    const stored = await spool.readState('outgoing', id);
    const state = stored === null ? newState(read.header) : parseState(stored, read.header);
    const destination = destinationOf(read.header, state);
    if (destinations !== undefined && destination !== null) {
      rememberWay(destinations, destination, state);
    }
    return { id, dueAt: dueAtOf(stored), destination };
  } catch {
    // One damaged state must not keep the scan from all others: the handler sets it aside.
    return { id, dueAt: new Date(0), destination: null };
  }
}

/** The scan at start and each minute: makes the jobs again that the schedule does not know. */
export function restoreOutgoing(
  spool: Spool,
  schedule: JobSchedule,
  destinations?: Destinations,
): Promise<number> {
  return restoreJobs({
    ids: spool.list('outgoing'),
    schedule,
    jobOf: (id) => outgoingJob(spool, id, destinations),
  });
}

const PAUSED_KNOWN_MS = 1_000;

/** The paused destinations, asked at most once a second. */
export function pausedSet(schedule: JobSchedule, clock: Clock): () => Promise<ReadonlySet<string>> {
  let known: ReadonlySet<string> = new Set();
  let knownAt = Number.NEGATIVE_INFINITY;
  return async () => {
    const now = clock.now().getTime();
    if (Math.abs(now - knownAt) >= PAUSED_KNOWN_MS) {
      known = new Set(await schedule.paused());
      knownAt = now;
    }
    return known;
  };
}
