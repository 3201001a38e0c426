import { readFile } from 'node:fs/promises';
import type { Logger } from '@sallyport/log';
import { type Clock, parseMailbox, type QueueId } from '@sallyport/mail';
import {
  createEmbeddedSchedule,
  type JobRef,
  type JobSchedule,
  openRedisSchedule,
  restoreJobs,
} from '@sallyport/queue';
import type { Spool } from '@sallyport/spool';
import type { OutwardOptions } from '../options.ts';
import type { OutwardPorts } from './job.ts';
import { rememberOutage } from './lookup-outage.ts';
import { readOutwardState } from './state.ts';

const MAX_JOBS = 2_000_000;

export async function createOutwardSchedule(
  queue: OutwardOptions['queue'],
  clock: Clock,
  logger: Logger,
): Promise<JobSchedule> {
  return queue.driver === 'redis'
    ? await openRedisSchedule({ url: await readUrl(queue.urlFile), name: 'outward', clock, logger })
    : createEmbeddedSchedule({ clock, logger, maxJobs: MAX_JOBS });
}

/** The URL may hold a password, so it stays in its file until it is used. */
async function readUrl(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trim();
}

/** The job of a message in `incoming`: due when its state says, under its first recipient's domain. */
export async function outwardJob(
  spool: Spool,
  id: QueueId,
  destinations?: OutwardPorts['destinations'],
): Promise<JobRef | null> {
  const read = await spool.readHeader('incoming', id);
  if (read.kind === 'gone') return null;
  const state = await readOutwardState(spool, 'incoming', id);
  const dueAt = new Date(state.nextAttemptAt ?? 0);
  // A corrupt file is worked on too: the handler sets it aside.
  if (read.kind === 'corrupt') return { id, dueAt, destination: null };
  const [first] = read.header.forwardPaths;
  const mailbox = first === undefined ? null : parseMailbox(first.path);
  const destination = mailbox?.domain ?? null;
  if (destinations !== undefined && destination !== null) {
    rememberOutage(destinations, destination, state);
  }
  return { id, dueAt, destination };
}

/** Makes the jobs again that the schedule does not know: at start and each minute. */
export async function restoreOutward(
  spool: Spool,
  schedule: JobSchedule,
  destinations: OutwardPorts['destinations'],
): Promise<number> {
  return await restoreJobs({
    ids: spool.list('incoming'),
    schedule,
    jobOf: (id) => outwardJob(spool, id, destinations),
  });
}
