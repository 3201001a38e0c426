import type { FaultId } from '@sallyport/faults';
import type { Content, QueueId } from '@sallyport/mail';
import { nextAttempt } from '@sallyport/queue';
import type { QueueFileHeader } from '@sallyport/spool';
import { DONE, type JobResult, type OutwardPorts } from './job.ts';
import { reportToAuthor } from './reports.ts';
import type { OutwardState } from './state.ts';

export interface Wait {
  readonly fault: FaultId;
  readonly sentence: string;
  /** How long at most; null leaves it to the retry schedule. */
  readonly waitMs: number | null;
  /** When what it waits for is looked at again, where that is known. */
  readonly restUntil?: Date;
  /** Not tried: it waits for what another message is tried for. */
  readonly isResting?: true;
}

/** Who waits for the schedule must not keep those whose rule says how long they wait at most. */
export function soonestOf(waits: readonly Wait[]): Wait | null {
  let soonest: Wait | null = null;
  for (const wait of waits) {
    const bound = soonest?.waitMs ?? Number.POSITIVE_INFINITY;
    if (soonest === null || (wait.waitMs ?? Number.POSITIVE_INFINITY) < bound) soonest = wait;
  }
  return soonest;
}

/** Keeps the message for another try, warns of the delay once, and returns it when its time is up. */
export async function waitLonger(
  message: { readonly header: QueueFileHeader; readonly content: Content },
  state: OutwardState,
  wait: Wait,
  ports: OutwardPorts,
): Promise<JobResult> {
  const { header, content } = message;
  const now = ports.clock.now();
  // The time in hold was the admin's, not the message's.
  const createdAt = new Date(state.releasedAt ?? header.createdAt);
  const attempts = state.attempts + (wait.isResting ? 0 : 1);
  const { restUntil } = wait;
  const next = nextAttempt({ attempts, createdAt, now, schedule: ports.retry, restUntil });
  const recipients = header.forwardPaths.filter((one) => !state.settled.includes(one.path));
  const { fault, sentence } = wait;
  if (next.kind === 'expired') {
    await ports.recorder.record({ kind: 'expired', queueId: header.id, fault, sentence }, true);
    await reportToAuthor(
      header,
      content,
      { action: 'failed', fault: 'expired', sentence, recipients },
      ports,
    );
    await ports.spool.remove('incoming', header.id);
    return DONE;
  }
  const soonest = wait.waitMs === null ? Number.POSITIVE_INFINITY : now.getTime() + wait.waitMs;
  const at = new Date(Math.min(next.at.getTime(), soonest));
  const warn = next.isWarningDue && !state.delayWarned;
  await ports.spool.writeState('incoming', header.id, {
    ...state,
    attempts,
    nextAttemptAt: at.toISOString(),
    fault,
    sentence,
    delayWarned: state.delayWarned || warn,
  });
  // A domain may rest for days: that a message still waits for it is no event each time.
  const isNews = wait.isResting !== true || state.fault !== fault;
  if (isNews) await recordWait(header.id, { fault, sentence, at }, ports);
  if (warn) {
    const willRetryUntil = new Date(createdAt.getTime() + ports.retry.expireAfterMs);
    await reportToAuthor(
      header,
      content,
      { action: 'delayed', fault, sentence, recipients, willRetryUntil },
      ports,
    );
  }
  return { kind: 'again', at };
}

/** Mail waits for a recorder too: what cannot be recorded of a wait is in the log and the state. */
async function recordWait(
  queueId: QueueId,
  wait: { readonly fault: FaultId; readonly sentence: string; readonly at: Date },
  ports: OutwardPorts,
): Promise<void> {
  const { fault, sentence } = wait;
  const nextAttempt = wait.at.toISOString();
  try {
    const event = { kind: 'deferred', queueId, fault, nextAttempt, sentence } as const;
    await ports.recorder.record(event, false);
  } catch (cause) {
    ports.logger.warn('wait.not-recorded', { queueId, fault, cause });
  }
}
