import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from '@sallyport/log';
import { type Clock, type QueueId, queueIdTime } from '@sallyport/mail';
import type { JobSchedule } from './schedule.ts';

/** A count is good for so long, and for longer where counting took long. */
const KNOWN_MS = 2_000;
const REST_PER_WORK = 20;
/** Who asks waits no longer than this; the count goes on, and the next one gets it. */
const LONGEST_WAIT_MS = 500;

type Folder = 'incoming' | 'outgoing' | 'hold' | 'corrupt';

interface QueueParts {
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** The folders that this process owns. */
  readonly folders: readonly Folder[];
  readonly list: (folder: Folder) => AsyncIterable<QueueId>;
  readonly schedule: Pick<JobSchedule, 'counts'>;
}

interface Depth {
  readonly count: number;
  /** Null if there is none. */
  readonly oldest: number | null;
}

/** Depth and age of queues, counted only when somebody asks. */
export class QueueGauges {
  readonly #parts: QueueParts;
  readonly #depths = new Map<Folder, Depth>();
  #counting: Promise<void> | null = null;
  #freshUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** Sets the gauges. @throws Error if the schedule cannot be asked. */
  async collect(): Promise<void> {
    const { metrics, clock, schedule } = this.#parts;
    if (performance.now() >= this.#freshUntil) {
      this.#counting ??= this.#count().finally(() => {
        this.#counting = null;
      });
    }
    await Promise.race([this.#counting, sleep(LONGEST_WAIT_MS, undefined, { ref: false })]);
    const now = clock.now().getTime();
    for (const [queue, { count, oldest }] of this.#depths) {
      const age = oldest === null ? 0 : Math.max(0, (now - oldest) / 1_000);
      metrics.set('sallyport_queue_messages', { queue }, count);
      metrics.set('sallyport_queue_oldest_age_seconds', { queue }, age);
    }
    const { waiting, running } = await schedule.counts();
    metrics.set('sallyport_queue_jobs', { state: 'waiting' }, waiting);
    metrics.set('sallyport_queue_jobs', { state: 'running' }, running);
  }

  async #count(): Promise<void> {
    const begunAt = performance.now();
    for (const folder of this.#parts.folders) {
      let count = 0;
      let oldest: number | null = null;
      for await (const id of this.#parts.list(folder)) {
        const time = queueIdTime(id);
        if (oldest === null || time < oldest) oldest = time;
        count += 1;
      }
      this.#depths.set(folder, { count, oldest });
    }
    const endedAt = performance.now();
    this.#freshUntil = endedAt + Math.max(KNOWN_MS, REST_PER_WORK * (endedAt - begunAt));
  }
}
