import { newQueueId } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import { type DeliveryState, waitingOf } from './delivery-state.ts';
import { isWanted, mayReport } from './settle.ts';

/** The state of a message that an operator takes out of the queue. */
export function dropWaiting(input: {
  readonly header: QueueFileHeader;
  readonly state: DeliveryState;
  readonly by: string;
  readonly notify: boolean;
  readonly now: Date;
}): DeliveryState {
  const { header, state, now } = input;
  const waiting = waitingOf(state);
  const recipients = state.recipients.map((one, at) =>
    waiting.includes(at)
      ? {
          ...one,
          status: 'dropped' as const,
          fault: 'dropped-by-operator' as const,
          sentence: 'an operator removed it from the queue',
          at: now.toISOString(),
        }
      : one,
  );
  const wanted = waiting.filter((at) => isWanted(header.forwardPaths[at], 'FAILURE'));
  const notified = input.notify && wanted.length > 0 && mayReport(header);
  const reports = notified
    ? [
        {
          id: newQueueId(now),
          action: 'failed' as const,
          recipients: wanted,
          willRetryUntil: null,
        },
      ]
    : [];
  return {
    ...state,
    recipients,
    nextAttemptAt: null,
    outbox: [
      ...state.outbox,
      { kind: 'dropped', queueId: header.id, notified, personal: { by: input.by } },
    ],
    reports: [...state.reports, ...reports],
  };
}
