import type { Clock } from '@sallyport/mail';
import type { RetrySchedule } from './retry.ts';

/** What keeps mail from a destination, whatever the message. */
export interface Trouble<Why> {
  /** No message of it is tried before this. */
  readonly until: Date;
  readonly why: Why;
}

interface Down<Why> {
  readonly kind: 'down';
  readonly failures: number;
  readonly trouble: Trouble<Why>;
}
type Health<Why> = Down<Why> | { readonly kind: 'rising'; readonly done: number };

const MAX_DESTINATIONS = 10_000;
/** After an outage one more at a time for each so many that went. */
const DONE_A_STEP = 20;

/**
 * The destinations that cannot be reached. What is meant for one of them is tried by one message
 * at a time, the oldest first, after a rest that grows; all others wait for what comes of it and
 * cost nothing, so that a dead partner slows nobody. One that is back gets its mail in order of
 * age: one message at a time at first.
 */
export class DestinationHealth<Why> {
  readonly #clock: Clock;
  readonly #schedule: Pick<RetrySchedule, 'minBackOffMs' | 'maxBackOffMs'>;
  readonly #known = new Map<string, Health<Why>>();

  constructor(options: {
    readonly clock: Clock;
    readonly schedule: Pick<RetrySchedule, 'minBackOffMs' | 'maxBackOffMs'>;
  }) {
    this.#clock = options.clock;
    this.#schedule = options.schedule;
  }

  /** What a message for it waits for, or null if it may be tried. */
  troubleOf(destination: string): Trouble<Why> | null {
    const health = this.#known.get(destination);
    if (health?.kind !== 'down') return null;
    return health.trouble.until > this.#clock.now() ? health.trouble : null;
  }

  /** A try failed for a reason that is not the message's. @returns how long all of them wait. */
  failed(destination: string, why: Why): Trouble<Why> {
    const health = this.#known.get(destination);
    const now = this.#clock.now().getTime();
    // Those that were under way when the first one failed say nothing new.
    if (health?.kind === 'down' && health.trouble.until.getTime() > now) return health.trouble;
    const failures = health?.kind === 'down' ? health.failures + 1 : 1;
    const doublings = Math.min(failures - 1, 30);
    const { minBackOffMs, maxBackOffMs } = this.#schedule;
    const restMs = Math.min(maxBackOffMs, minBackOffMs * 2 ** doublings);
    const trouble = { until: new Date(now + restMs), why };
    this.#set(destination, { kind: 'down', failures, trouble });
    return trouble;
  }

  /** Known from before a restart: it is tried by one at a time, at once. */
  remember(destination: string, why: Why): void {
    if (this.#known.has(destination)) return;
    const trouble = { until: this.#clock.now(), why };
    this.#set(destination, { kind: 'down', failures: 0, trouble });
  }

  /** A message got there. */
  reached(destination: string): void {
    const health = this.#known.get(destination);
    if (health === undefined) return;
    this.#set(destination, {
      kind: 'rising',
      done: health.kind === 'rising' ? health.done + 1 : 1,
    });
  }

  /** An operator wants it tried now. */
  tryNow(destination: string): void {
    const health = this.#known.get(destination);
    if (health?.kind !== 'down') return;
    const trouble = { ...health.trouble, until: this.#clock.now() };
    this.#set(destination, { ...health, trouble });
  }

  /** How many of its messages may be worked on at once. */
  concurrencyOf(destination: string, limit: number): number {
    const health = this.#known.get(destination);
    if (health === undefined) return limit;
    if (health.kind === 'down') return 1;
    const allowed = 1 + Math.floor(health.done / DONE_A_STEP);
    if (allowed >= limit) this.#known.delete(destination);
    return Math.min(allowed, limit);
  }

  #set(destination: string, health: Health<Why>): void {
    const [oldest] = this.#known.keys();
    // One that is forgotten is tried again, which costs a try and loses nothing.
    if (this.#known.size >= MAX_DESTINATIONS && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(destination, health);
  }
}
