import type { Logger } from '@sallyport/log';
import { type Clock, never, parseQueueId, type QueueId } from '@sallyport/mail';
import { DelayedError, type Job, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { DestinationGates } from './destination-gate.ts';
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

const PREFIX = 'sallyport';
// Attempts are ours: BullMQ must neither give a job up nor count its stalls against it.
const NEVER = 1_000_000_000;
// One value for every worker: the stalled check is guarded by a key that lives this long.
const STALLED_INTERVAL_MS = 30_000;
const LOCK_MS = 30_000;
const DOUBLE_REST_MS = 1_000;
const PARK_MS = 5 * 60_000;
const MARK_SECONDS = 86_400;
const PRODUCER_RETRIES = 2;
const PRODUCER_DEADLINE_MS = 5_000;
const KEPT_EVENTS = 100;

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

interface Fields {
  readonly dueAt: number;
  readonly destination: string | null;
  readonly surprises: number;
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
  readonly #queue: Queue<Fields, void, string>;
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
    this.#queue = new Queue<Fields, void, string>(options.name, {
      connection: this.#producer,
      prefix: PREFIX,
      streams: { events: { maxLen: KEPT_EVENTS } },
    });
    this.#queue.on('error', (error) => this.#sayError(error));
    this.#pauses = new RedisPauses({
      client: this.#producer,
      logger: options.logger,
      keyPrefix: `${PREFIX}:${options.name}`,
      release: (ids) => this.#promoteAll(ids),
    });
  }

  async add(job: JobRef): Promise<void> {
    if (this.#running.has(job.id)) return;
    await this.#put(job);
  }

  async reschedule(job: JobRef): Promise<void> {
    const known = await this.#queue.getJob(job.id);
    if (known === undefined) return this.add(job);
    if (known.data.dueAt <= job.dueAt.getTime() || !(await known.isDelayed())) return;
    await known.updateData({ ...known.data, dueAt: job.dueAt.getTime() });
    await known.changeDelay(this.#delayUntil(job.dueAt.getTime()));
  }

  async missing(ids: readonly QueueId[]): Promise<QueueId[]> {
    const asked = this.#producer.pipeline();
    for (const id of ids) asked.exists(this.#queue.toKey(id));
    const answers = (await asked.exec()) ?? [];
    return ids.filter((id, index) => {
      const [error, count] = answers[index] ?? [];
      if (error) throw error;
      return count === 0 && !this.#running.has(id);
    });
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

  async wake(id: QueueId): Promise<void> {
    const job = await this.#queue.getJob(id);
    if (job === undefined) return;
    const state = await job.getState();
    if (state === 'active') await this.#mark(job, 'woken');
    if (state !== 'delayed') return;
    await job.updateData({ ...job.data, dueAt: this.#clock.now().getTime() });
    await this.#promoteAll([id]);
  }

  async remove(id: QueueId): Promise<void> {
    const job = await this.#queue.getJob(id);
    if (job === undefined) return;
    await this.#mark(job, 'removed');
    await this.#queue.remove(id);
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

  async snapshot(limit = SNAPSHOT_LIMIT): Promise<JobView[]> {
    const now = this.#clock.now().getTime();
    const views: JobView[] = [];
    for (const type of ['active', 'waiting', 'delayed'] as const) {
      if (views.length >= limit) break;
      const jobs = await this.#queue.getJobs([type], 0, limit - views.length - 1, true);
      for (const job of jobs) {
        const view = this.#view(job, type === 'active', now);
        if (view !== null) views.push(view);
      }
    }
    return views.sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
  }

  async counts(): Promise<JobCounts> {
    const counts = await this.#queue.getJobCounts('active', 'waiting', 'delayed');
    const waiting = (counts['waiting'] ?? 0) + (counts['delayed'] ?? 0);
    return { waiting, running: counts['active'] ?? 0 };
  }

  async close(): Promise<void> {
    this.#pauses.stop();
    await this.#worker?.close();
    await this.#queue.close();
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

  #delayUntil(dueAt: number): number {
    return Math.max(0, dueAt - this.#clock.now().getTime());
  }

  async #put(job: JobRef, surprises = 0): Promise<void> {
    const dueAt = job.dueAt.getTime();
    await this.#queue.add(
      'message',
      { dueAt, destination: job.destination, surprises },
      {
        jobId: job.id,
        delay: this.#delayUntil(dueAt),
        attempts: NEVER,
        removeOnComplete: true,
        removeOnFail: true,
      },
    );
  }

  async #promoteAll(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const job = await this.#queue.getJob(id);
      if (job === undefined) continue;
      // It may have come due and be taken meanwhile, which is what was wanted.
      await job.promote().catch(async (error: unknown) => {
        if (await job.isDelayed()) throw error;
      });
    }
  }

  #markKey(job: Job<Fields, void>): string {
    // The time of adding tells this hint from a later one of the same message.
    return this.#queue.toKey(`mark:${job.id}:${job.timestamp}`);
  }

  async #mark(job: Job<Fields, void>, mark: 'woken' | 'removed'): Promise<void> {
    await this.#producer.set(this.#markKey(job), mark, 'EX', MARK_SECONDS);
  }

  /** One job of BullMQ's: never fails there, so BullMQ's own retry never acts. */
  async #work(handler: JobHandler, job: Job<Fields, void>, token = ''): Promise<void> {
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

  async #putOff(job: Job<Fields, void>, token: string, until: number): Promise<void> {
    await job.moveToDelayed(Date.now() + this.#delayUntil(until), token);
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
    readonly job: Job<Fields, void>;
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
        const mark = await this.#producer.getdel(this.#markKey(job)).catch(() => null);
        if (mark === 'removed') return;
        const at = mark === 'woken' ? this.#clock.now() : outcome.at;
        const { destination = end.ref.destination } = outcome;
        try {
          await job.updateData({ dueAt: at.getTime(), destination, surprises: end.surprises });
          await job.moveToDelayed(Date.now() + this.#delayUntil(at.getTime()), end.token);
        } catch (cause) {
          // Redis was emptied or the lock ran out: make the hint again, unless the scan did.
          this.#logger.warn('job.hint-lost', { queueId: end.ref.id, cause });
          await this.#put({ id: end.ref.id, dueAt: at, destination }, end.surprises);
        }
        throw new DelayedError();
      }
      default:
        never(outcome);
    }
  }

  #view(job: Job<Fields, void>, isRunning: boolean, now: number): JobView | null {
    const id = parseQueueId(job.id ?? '');
    if (id === null) return null;
    const { dueAt, destination } = job.data;
    const ref = { id, dueAt: new Date(dueAt), destination };
    if (isRunning) return { ...ref, state: 'running' };
    if (destination !== null && this.#pauses.has(destination)) return { ...ref, state: 'paused' };
    return { ...ref, state: dueAt <= now ? 'parked' : 'scheduled' };
  }
}
