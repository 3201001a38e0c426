import type { AuditEvent } from '@sallyport/audit-log';
import { isNullPath, newQueueId, parseReversePath } from '@sallyport/mail';
import { nextAttempt, type RetrySchedule } from '@sallyport/queue';
import type { QueuedForwardPath, QueueFileHeader } from '@sallyport/spool';
import type { AttemptResult } from './attempt.ts';
import {
  type DeliveryState,
  type PlannedReport,
  type RecipientState,
  waitingOf,
} from './delivery-state.ts';
import { eventsOf } from './events.ts';
import type { LocatedRoute } from './ports.ts';

/** The result of one recipient, with the route that it went. */
export interface Tried {
  readonly index: number;
  readonly result: AttemptResult;
  readonly located: LocatedRoute;
  /** Not tried: its destination rests after the try of another message. */
  readonly isResting?: true;
}

export interface SettleInput {
  readonly header: QueueFileHeader;
  readonly state: DeliveryState;
  readonly tried: readonly Tried[];
  readonly now: Date;
  readonly schedule: RetrySchedule;
  /** When the destinations are looked at again that it waits for. */
  readonly restUntil?: Date | undefined;
}

/** The state after an attempt: statuses, what is to be recorded, and which reports are due. */
export function settle(input: SettleInput): DeliveryState {
  const { header, state, tried, now, schedule } = input;
  const attempts = tried.every(({ isResting }) => isResting) ? state.attempts : state.attempts + 1;
  const recipients = [...state.recipients];
  for (const one of tried) {
    const before = recipients[one.index];
    if (before !== undefined) recipients[one.index] = recipientAfter(before, one, now);
  }
  const createdAt = new Date(header.createdAt);
  const next = nextAttempt({ attempts, createdAt, now, schedule, restUntil: input.restUntil });
  if (next.kind === 'expired') {
    for (const { index } of tried) {
      const one = recipients[index];
      if (one?.status === 'waiting') recipients[index] = { ...one, status: 'expired' };
    }
  }
  const waiting = { ...state, recipients };
  const isWaiting = waitingOf(waiting).length > 0;
  // Past expiry only those of a paused destination wait on: they get their last try on resume.
  const at = next.kind === 'again' ? next.at : new Date(now.getTime() + schedule.maxBackOffMs);
  const nextAttemptAt = isWaiting ? at.toISOString() : null;
  const after: DeliveryState = { ...state, recipients, attempts, nextAttemptAt };
  const warns = next.kind === 'again' && isWaiting && next.isWarningDue && !state.isWarned;
  const willRetryUntil = new Date(
    new Date(header.createdAt).getTime() + schedule.expireAfterMs,
  ).toISOString();
  const reports = planReports({ header, before: state, after, tried, now });
  const warning = warns ? planWarning(header, after, { now, willRetryUntil }) : [];
  const told = tried.filter((one) => one.isResting !== true || isNews(one.index, state, after));
  const events: readonly AuditEvent[] = eventsOf({ header, before: state, after, tried: told });
  return {
    ...after,
    isWarned: state.isWarned || warns,
    outbox: [...state.outbox, ...events],
    reports: [...state.reports, ...reports, ...warning],
  };
}

/** A destination may rest for days: that a message still waits for it is no event each time. */
function isNews(index: number, before: DeliveryState, after: DeliveryState): boolean {
  const [was, is] = [before.recipients[index], after.recipients[index]];
  return was?.status !== is?.status || was?.fault !== is?.fault;
}

function recipientAfter(
  before: RecipientState,
  { result, isResting }: Tried,
  now: Date,
): RecipientState {
  const { outcome } = result;
  const attempts = before.attempts + (isResting ? 0 : 1);
  const at = isResting ? before.at : now.toISOString();
  if (outcome.kind === 'relayed') {
    const sentence = `relayed to ${outcome.reply.mx}, ${result.tlsSentence}`;
    const reply = mutableReply(outcome.reply);
    return { status: 'relayed', attempts, fault: null, sentence, reply, at };
  }
  const status = outcome.kind === 'failed' ? 'failed' : 'waiting';
  const { fault, sentence } = outcome;
  const reply = outcome.reply === null ? null : mutableReply(outcome.reply);
  return { status, attempts, fault, sentence, reply, at };
}

function mutableReply(reply: NonNullable<AttemptResult['outcome']['reply']>) {
  return { ...reply, lines: [...reply.lines] };
}

interface PlanInput {
  readonly header: QueueFileHeader;
  readonly before: DeliveryState;
  readonly after: DeliveryState;
  readonly tried: readonly Tried[];
  readonly now: Date;
}

function planReports({ header, before, after, tried, now }: PlanInput): PlannedReport[] {
  if (!mayReport(header)) return planHold({ header, before, after, tried, now });
  const failed = changedTo(before, after, ['failed', 'expired']).filter((index) =>
    isWanted(header.forwardPaths[index], 'FAILURE'),
  );
  // RFC 3461 section 5.2.2: where the next hop cannot tell of the success, we tell of the relay
  const relayed = tried
    .filter(({ result }) => result.outcome.kind === 'relayed' && !result.outcome.offersDsn)
    .map(({ index }) => index)
    .filter((index) => header.forwardPaths[index]?.notify?.includes('SUCCESS') === true);
  const plan = (action: 'failed' | 'relayed', recipients: number[]): PlannedReport[] =>
    recipients.length === 0
      ? []
      : [{ id: newQueueId(now), action, recipients, willRetryUntil: null }];
  return [...plan('failed', failed), ...plan('relayed', relayed)];
}

/**
 * Design section 4: a failure after our 250 to a partner is told to the author only if he is
 * known to be the author; else the message is held, so that no forged address gets it.
 */
function planHold({ header, before, after, now }: PlanInput): PlannedReport[] {
  if (header.origin !== 'inward' || header.reversePath === '') return [];
  const recipients = changedTo(before, after, ['failed', 'expired']);
  if (recipients.length === 0) return [];
  return [{ id: newQueueId(now), action: 'hold', recipients, willRetryUntil: null }];
}

function planWarning(
  header: QueueFileHeader,
  after: DeliveryState,
  { now, willRetryUntil }: { readonly now: Date; readonly willRetryUntil: string },
): PlannedReport[] {
  if (!mayReport(header)) return [];
  const recipients = waitingOf(after).filter((at) => isWanted(header.forwardPaths[at], 'DELAY'));
  if (recipients.length === 0) return [];
  return [{ id: newQueueId(now), action: 'delayed', recipients, willRetryUntil }];
}

/** RFC 5321 section 4.5.5: a null reverse-path never gets a report. */
export function mayReport(header: QueueFileHeader): boolean {
  const to = parseReversePath(header.reversePath);
  if (to === null || isNullPath(to)) return false;
  return header.origin !== 'inward' || header.extra['returnable'] === true;
}

/** RFC 3461 section 4.1: without NOTIFY failures and delays are told. */
export function isWanted(
  recipient: QueuedForwardPath | undefined,
  word: 'FAILURE' | 'DELAY',
): boolean {
  return recipient?.notify === undefined || recipient.notify.includes(word);
}

function changedTo(
  before: DeliveryState,
  after: DeliveryState,
  statuses: readonly RecipientState['status'][],
): number[] {
  return [...after.recipients.keys()].filter((index) => {
    const now = after.recipients[index]?.status;
    return now !== undefined && statuses.includes(now) && before.recipients[index]?.status !== now;
  });
}
