import type { QueueId } from '@sallyport/mail';

/** A hint that the message is due for work. The spool is the truth: a lost job is made again. */
export interface JobRef {
  readonly id: QueueId;
  readonly dueAt: Date;
  /** What pause, concurrency and rate go by; null for work that goes nowhere. */
  readonly destination: string | null;
}

/** What the handler made of a job. Deferring is a normal end, not an error. */
export type JobOutcome =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'again';
      readonly at: Date;
      /** The destination of the next attempt, where it is another one. */
      readonly destination?: string | null;
    };

/** Does the work of one job. May be called again for the same message: work is idempotent. */
export type JobHandler = (job: JobRef) => Promise<JobOutcome>;

/** `parked`: due, but its destination is at its limits; `paused`: an operator stopped it. */
export type JobState = 'scheduled' | 'parked' | 'paused' | 'running';

export interface JobView extends JobRef {
  readonly state: JobState;
}

/** How much one destination gets at a time. */
export interface DestinationLimits {
  readonly concurrency: number;
  /** At most `count` starts in `perMs`, evenly spaced. */
  readonly rate?: { readonly count: number; readonly perMs: number };
}

export interface StartOptions {
  readonly concurrency: number;
  /** Limits for every destination, or by destination. */
  readonly perDestination?: DestinationLimits | ((destination: string) => DestinationLimits);
}

export interface JobCounts {
  /** Jobs that are not running. */
  readonly waiting: number;
  readonly running: number;
}

/** When which message is worked on. Two drivers, one contract (`schedule-contract.test.ts`). */
export interface JobSchedule {
  /** Adds a job; one that is known by its id already is left as it is. */
  add(job: JobRef): Promise<void>;
  /** Adds a job, or makes a waiting one due earlier; never later, and a running one is left alone. */
  reschedule(job: JobRef): Promise<void>;
  /** Those of the ids that the schedule does not know; for the owner's scan of the spool. */
  missing(ids: readonly QueueId[]): Promise<QueueId[]>;
  /**
   * Begins to work. A handler that throws is a surprise: logged, and tried again with back-off.
   *
   * @throws Error if it was started before.
   */
  start(handler: JobHandler, options: StartOptions): void;
  /** Makes a job due now; one that runs is tried again at once if it then defers. */
  wake(id: QueueId): Promise<void>;
  /** Forgets a job; one that runs ends and is not tried again. */
  remove(id: QueueId): Promise<void>;
  /** Starts no more work for a destination; what runs goes on. */
  pause(destination: string): Promise<void>;
  resume(destination: string): Promise<void>;
  /** The destinations that are paused. */
  paused(): Promise<string[]>;
  /** At most `limit` jobs (default 1,000), the next ones first. */
  snapshot(limit?: number): Promise<JobView[]>;
  counts(): Promise<JobCounts>;
  /** Starts nothing more and resolves when the handlers that run have ended. */
  close(): Promise<void>;
}

export const SNAPSHOT_LIMIT = 1_000;

/** How long a job rests after its handler threw for the nth time. */
export interface SurpriseBackOff {
  readonly firstMs: number;
  readonly maxMs: number;
}

export const DEFAULT_SURPRISE_BACK_OFF: SurpriseBackOff = { firstMs: 5_000, maxMs: 15 * 60_000 };

/** The rest after `count` surprises before this one. */
export function surpriseDelayMs(backOff: SurpriseBackOff, count: number): number {
  return Math.min(backOff.maxMs, backOff.firstMs * 2 ** Math.min(count, 30));
}
