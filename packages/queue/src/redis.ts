import type { Logger } from '@sallyport/log';
import { type Clock, never, parseQueueId, type QueueId } from '@sallyport/mail';
import { DelayedError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { DestinationGates } from './destination-gate.ts';
import { type Fields, type Hint, NEVER, PREFIX, RedisHints } from './redis-hints.ts';
import { RedisPauses } from './redis-pauses.ts';
import { Rests } from './rests.ts';
import {
  DEFAULT_SURPRISE_BACK_OFF,
  type JobCounts,
  type JobHandler,
  type JobOutcome,
  type JobRef,
  type JobSchedule,
  type JobView,
  SNAPSHOT_LIMIT,
  type StartOptions,
  type SurpriseBackOff,
  surpriseDelayMs,
} from './schedule.ts';

// One value for every worker: the stalled check is guarded by a key that lives this long.
const STALLED_INTERVAL_MS = 30_000;
const LOCK_MS = 30_000;
const DOUBLE_REST_MS = 1_000;
const PARK_MS = 5 * 60_000;
const PRODUCER_RETRIES = 2;
const PRODUCER_DEADLINE_MS = 5_000;

export interface RedisScheduleOptions {
  /** `redis://host:port/db`; the server runs appendonly yes, appendfsync always, noeviction. */
  readonly url: string;
  /** One schedule: `outward` or `egress`, with the gateway's name before it where Redis is shared. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly surpriseBackOff?: SurpriseBackOff;
  /** How long a job of a dead worker stays locked; equal on all hosts. */
  readonly stalledIntervalMs?: number;
}

/** The schedule of many hosts, on BullMQ. Emptying Redis loses hints, never mail. */
export function createRedisSchedule(options: RedisScheduleOptions): JobSchedule {
  return new RedisSchedule(options);
}

class RedisSchedule implements JobSchedule {
  readonly #options: RedisScheduleOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #backOff: SurpriseBackOff;
  readonly #producer: Redis;
  readonly #hints: RedisHints;
  readonly #pauses: RedisPauses;
  readonly #rests = new Rests();
  readonly #running = new Set<string>();
  #gates = new DestinationGates(undefined);
  #consumer: Redis | null = null;
  #worker: Worker<Fields, void> | null = null;
  #lastError = '';

  constructor(options: RedisScheduleOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#backOff = options.surpriseBackOff ?? DEFAULT_SURPRISE_BACK_OFF;
    // A Redis that is away must not hang the SMTP reply that waits for the hint.
    this.#producer = this.#connect({
      maxRetriesPerRequest: PRODUCER_RETRIES,
      commandTimeout: PRODUCER_DEADLINE_MS,
    });
    this.#hints = new RedisHints({
      client: this.#producer,
      clock: options.clock,
      name: options.name,
      failed: (error) => this.#sayError(error),
    });
    this.#pauses = new RedisPauses({
      client: this.#producer,
      logger: options.logger,
      keyPrefix: `${PREFIX}:${options.name}`,
      release: (ids) => this.#hints.promote(ids),
    });
  }

  async add(job: JobRef): Promise<void> {
    if (this.#running.has(job.id)) return;
    await this.#hints.put(job);
  }

  async reschedule(job: JobRef): Promise<void> {
    if (!this.#running.has(job.id)) await this.#hints.reschedule(job);
  }

  async missing(ids: readonly QueueId[]): Promise<QueueId[]> {
    const missing = await this.#hints.missing(ids);
    return missing.filter((id) => !this.#running.has(id));
  }

  wake(id: QueueId): Promise<void> {
    return this.#hints.wake(id);
  }

  remove(id: QueueId): Promise<void> {
    return this.#hints.remove(id);
  }

  async snapshot(limit = SNAPSHOT_LIMIT): Promise<JobView[]> {
    // Nobody follows the pauses in a process that does no work itself.
    if (this.#worker === null) await this.#pauses.list();
    return this.#hints.snapshot(limit, (destination) => this.#pauses.has(destination));
  }

  counts(): Promise<JobCounts> {
    return this.#hints.counts();
  }

  start(handler: JobHandler, options: StartOptions): void {
    if (this.#worker !== null) throw new Error('schedule was started before');
    this.#gates = new DestinationGates(options.perDestination);
    this.#consumer = this.#connect({ maxRetriesPerRequest: null });
    const worker = new Worker<Fields, void>(
      this.#options.name,
      (job, token) => this.#work(handler, job, token),
      {
        connection: this.#consumer,
        prefix: PREFIX,
        autorun: false,
        concurrency: options.concurrency,
        maxStalledCount: NEVER,
        maxStartedAttempts: NEVER,
        stalledInterval: this.#options.stalledIntervalMs ?? STALLED_INTERVAL_MS,
        lockDuration: this.#options.stalledIntervalMs ?? LOCK_MS,
      },
    );
    worker.on('error', (error) => this.#sayError(error));
    this.#worker = worker;
    void this.#begin(worker);
  }

  async pause(destination: string): Promise<void> {
    await this.#pauses.add(destination);
  }

  async resume(destination: string): Promise<void> {
    await this.#pauses.delete(destination);
  }

  paused(): Promise<string[]> {
    return this.#pauses.list();
  }

  async close(): Promise<void> {
    this.#pauses.stop();
    await this.#worker?.close();
    await this.#hints.close();
    this.#consumer?.disconnect();
    this.#producer.disconnect();
  }

  #connect(options: { maxRetriesPerRequest: number | null; commandTimeout?: number }): Redis {
    const client = new Redis(this.#options.url, {
      ...options,
      retryStrategy: (times) => Math.min(50 * times, 1_000),
    });
    client.on('error', (error) => this.#sayError(error));
    client.on('ready', () => {
      this.#lastError = '';
    });
    return client;
  }

  /** Said once for as long as it stays the same: a Redis that is away fails many times a second. */
  #sayError(error: Error): void {
    if (error.message === this.#lastError) return;
    this.#lastError = error.message;
    this.#logger.warn('redis.failed', { schedule: this.#options.name, cause: error });
  }

  async #begin(worker: Worker<Fields, void>): Promise<void> {
    try {
      // What an operator paused must be known before the first job is taken.
      while (!(await this.#followPauses())) if (worker.closing) return;
      await worker.run();
    } catch (cause) {
      this.#logger.error('schedule.stopped', { schedule: this.#options.name, cause });
    }
  }

  async #followPauses(): Promise<boolean> {
    try {
      await this.#pauses.follow();
      return true;
    } catch {
      return false; // said by the connection; each try waits for its retries
    }
  }

  /** One job of BullMQ's: never fails there, so BullMQ's own retry never acts. */
  async #work(handler: JobHandler, job: Hint, token = ''): Promise<void> {
    const id = parseQueueId(job.id ?? '');
    if (id === null) return;
    const now = this.#clock.now().getTime();
    const { destination } = job.data;
    // A hint made anew while its message is worked on, after Redis was emptied or a lock ran out.
    if (this.#running.has(id)) return this.#putOff(job, token, now + DOUBLE_REST_MS);
    if (destination !== null) {
      if (this.#pauses.has(destination)) {
        await this.#pauses.park(destination, id);
        return this.#putOff(job, token, now + PARK_MS);
      }
      const entry = this.#gates.enter(destination, now);
      if (entry.kind !== 'entered') {
        return this.#putOff(job, token, this.#rests.next(destination, entry, now));
      }
      this.#rests.started(destination);
    }
    this.#running.add(id);
    const ref = { id, dueAt: new Date(job.data.dueAt), destination };
    try {
      const [outcome, surprises] = await this.#ask(handler, ref, job.data.surprises);
      await this.#settle({ job, token, ref, outcome, surprises });
    } finally {
      this.#running.delete(id);
      if (destination !== null) {
        this.#gates.leave(destination);
        this.#rests.ended(destination, this.#clock.now().getTime() - now);
      }
    }
  }

  async #putOff(job: Hint, token: string, until: number): Promise<void> {
    await job.moveToDelayed(Date.now() + this.#hints.delayUntil(until), token);
    throw new DelayedError();
  }

  async #ask(
    handler: JobHandler,
    ref: JobRef,
    surprises: number,
  ): Promise<[outcome: JobOutcome, surprises: number]> {
    try {
      return [await handler(ref), 0];
    } catch (cause) {
      const delayMs = surpriseDelayMs(this.#backOff, surprises);
      const at = new Date(this.#clock.now().getTime() + delayMs);
      this.#logger.error('job.surprised', {
        queueId: ref.id,
        destination: ref.destination,
        surprises: surprises + 1,
        nextAttempt: at,
        cause,
      });
      return [{ kind: 'again', at }, surprises + 1];
    }
  }

  async #settle(end: {
    readonly job: Hint;
    readonly token: string;
    readonly ref: JobRef;
    readonly outcome: JobOutcome;
    readonly surprises: number;
  }): Promise<void> {
    const { job, outcome } = end;
    switch (outcome.kind) {
      case 'done':
        return;
      case 'again': {
        const mark = await this.#hints.takeMark(job);
        if (mark === 'removed') return;
        const at = mark === 'woken' ? this.#clock.now() : outcome.at;
        const { destination = end.ref.destination } = outcome;
        try {
          await job.updateData({ dueAt: at.getTime(), destination, surprises: end.surprises });
          await job.moveToDelayed(Date.now() + this.#hints.delayUntil(at.getTime()), end.token);
        } catch (cause) {
          // Redis was emptied or the lock ran out: make the hint again, unless the scan did.
          this.#logger.warn('job.hint-lost', { queueId: end.ref.id, cause });
          await this.#hints.put({ id: end.ref.id, dueAt: at, destination }, end.surprises);
        }
        throw new DelayedError();
      }
      default:
        never(outcome);
    }
  }
}
