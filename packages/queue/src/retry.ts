/** When a deferred message is tried again, and when it is given up. */
export interface RetrySchedule {
  /** Rest after the first attempt. */
  readonly minBackOffMs: number;
  /** The rest never grows beyond this. */
  readonly maxBackOffMs: number;
  /** Age at which a message comes back (RFC 5321 section 4.5.4.1: at least 4-5 days). */
  readonly expireAfterMs: number;
  /** Age at which its author is told that it waits; null for never. */
  readonly warnAfterMs: number | null;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Postfix's minimal_backoff_time, maximal_backoff_time and maximal_queue_lifetime; a warning after 4 hours. */
export const DEFAULT_RETRY_SCHEDULE: RetrySchedule = {
  minBackOffMs: 5 * MINUTE_MS,
  maxBackOffMs: 4_000_000,
  expireAfterMs: 5 * 24 * HOUR_MS,
  warnAfterMs: 4 * HOUR_MS,
};

export type NextAttempt =
  | {
      readonly kind: 'again';
      readonly at: Date;
      /** True once the message is old enough for a delay warning; the caller keeps whether it was sent. */
      readonly isWarningDue: boolean;
    }
  | { readonly kind: 'expired'; readonly expiredAt: Date };

/**
 * The next attempt after one that deferred: the rest doubles with each, without chance in it. One
 * attempt falls on the moment at which the author is told of the delay, the last on that of expiry.
 *
 * `restUntil` is when what the message waits for is looked at again, where that is known.
 *
 * `attempts` counts those made, the one just ended included.
 */
export function nextAttempt(input: {
  readonly attempts: number;
  readonly createdAt: Date;
  readonly now: Date;
  readonly schedule: RetrySchedule;
  readonly restUntil?: Date | undefined;
}): NextAttempt {
  const { schedule } = input;
  const now = input.now.getTime();
  const createdAt = input.createdAt.getTime();
  const expiresAt = createdAt + schedule.expireAfterMs;
  if (now >= expiresAt) return { kind: 'expired', expiredAt: new Date(expiresAt) };
  const doublings = Math.min(Math.max(0, input.attempts - 1), 30);
  const restMs = Math.min(schedule.maxBackOffMs, schedule.minBackOffMs * 2 ** doublings);
  const restUntil = input.restUntil?.getTime() ?? now + restMs;
  const warnsAt = createdAt + (schedule.warnAfterMs ?? Number.POSITIVE_INFINITY);
  const isWarningDue = now >= warnsAt;
  const at = Math.min(restUntil, expiresAt, isWarningDue ? Number.POSITIVE_INFINITY : warnsAt);
  return { kind: 'again', at: new Date(at), isWarningDue };
}
