import { type Clock, parseQueueId, type QueueId } from '@sallyport/mail';
import { type Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobCounts, JobRef, JobView } from './schedule.ts';

/** Our key space in a Redis that others may share. */
export const PREFIX = 'sallyport';
/** Attempts are ours: BullMQ must neither give a job up nor count its stalls against it. */
export const NEVER = 1_000_000_000;

const MARK_SECONDS = 86_400;
const KEPT_EVENTS = 100;

/** What BullMQ keeps of a job beside its id. */
export interface Fields {
  readonly dueAt: number;
  readonly destination: string | null;
  readonly surprises: number;
}

export type Hint = Job<Fields, void>;

/** The jobs as they stand in Redis. */
export class RedisHints {
  readonly #client: Redis;
  readonly #clock: Clock;
  readonly #queue: Queue<Fields, void, string>;

  constructor(options: {
    readonly client: Redis;
    readonly clock: Clock;
    readonly name: string;
    readonly failed: (error: Error) => void;
  }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#queue = new Queue<Fields, void, string>(options.name, {
      connection: options.client,
      prefix: PREFIX,
      streams: { events: { maxLen: KEPT_EVENTS } },
    });
    this.#queue.on('error', options.failed);
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  /** BullMQ counts from the machine's clock, so it is told a delay, not a moment. */
  delayUntil(dueAt: number): number {
    return Math.max(0, dueAt - this.#clock.now().getTime());
  }

  /** Adds the hint unless one of that id is there. */
  async put(job: JobRef, surprises = 0): Promise<void> {
    const dueAt = job.dueAt.getTime();
    await this.#queue.add(
      'message',
      { dueAt, destination: job.destination, surprises },
      {
        jobId: job.id,
        delay: this.delayUntil(dueAt),
        attempts: NEVER,
        removeOnComplete: true,
        removeOnFail: true,
      },
    );
  }

  async reschedule(job: JobRef): Promise<void> {
    const known = await this.#queue.getJob(job.id);
    if (known === undefined) return this.put(job);
    if (known.data.dueAt <= job.dueAt.getTime() || !(await known.isDelayed())) return;
    await known.updateData({ ...known.data, dueAt: job.dueAt.getTime() });
    await known.changeDelay(this.delayUntil(job.dueAt.getTime()));
  }

  /** Those of the ids that have no hint. */
  async missing(ids: readonly QueueId[]): Promise<QueueId[]> {
    const asked = this.#client.pipeline();
    for (const id of ids) asked.exists(this.#queue.toKey(id));
    const answers = (await asked.exec()) ?? [];
    return ids.filter((_id, index) => {
      const [error, count] = answers[index] ?? [];
      if (error) throw error;
      return count === 0;
    });
  }

  async wake(id: QueueId): Promise<void> {
    const job = await this.#queue.getJob(id);
    if (job === undefined) return;
    const state = await job.getState();
    if (state === 'active') await this.#mark(job, 'woken');
    if (state !== 'delayed') return;
    await job.updateData({ ...job.data, dueAt: this.#clock.now().getTime() });
    await this.promote([id]);
  }

  async remove(id: QueueId): Promise<void> {
    const job = await this.#queue.getJob(id);
    if (job === undefined) return;
    await this.#mark(job, 'removed');
    await this.#queue.remove(id);
  }

  /** Makes delayed hints due now. */
  async promote(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const job = await this.#queue.getJob(id);
      if (job === undefined) continue;
      // It may have come due and be taken meanwhile, which is what was wanted.
      await job.promote().catch(async (error: unknown) => {
        if (await job.isDelayed()) throw error;
      });
    }
  }

  /** Takes what was asked of the job while it ran. */
  async takeMark(hint: Hint): Promise<'woken' | 'removed' | null> {
    const mark = await this.#client.getdel(this.#markKey(hint)).catch(() => null);
    return mark === 'woken' || mark === 'removed' ? mark : null;
  }

  async snapshot(limit: number, isPaused: (destination: string) => boolean): Promise<JobView[]> {
    const now = this.#clock.now().getTime();
    const views: JobView[] = [];
    for (const type of ['active', 'waiting', 'delayed'] as const) {
      if (views.length >= limit) break;
      const jobs = await this.#queue.getJobs([type], 0, limit - views.length - 1, true);
      for (const job of jobs) {
        const view = viewOf(job, { type, now, isPaused });
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

  #markKey(job: Hint): string {
    // The time of adding tells this hint from a later one of the same message.
    return this.#queue.toKey(`mark:${job.id}:${job.timestamp}`);
  }

  async #mark(job: Hint, mark: 'woken' | 'removed'): Promise<void> {
    await this.#client.set(this.#markKey(job), mark, 'EX', MARK_SECONDS);
  }
}

function viewOf(
  hint: Hint,
  as: {
    readonly type: 'active' | 'waiting' | 'delayed';
    readonly now: number;
    readonly isPaused: (destination: string) => boolean;
  },
): JobView | null {
  const id = parseQueueId(hint.id ?? '');
  if (id === null) return null;
  const { dueAt, destination } = hint.data;
  const ref = { id, dueAt: new Date(dueAt), destination };
  if (as.type === 'active') return { ...ref, state: 'running' };
  if (destination !== null && as.isPaused(destination)) return { ...ref, state: 'paused' };
  return { ...ref, state: as.type === 'delayed' && dueAt <= as.now ? 'parked' : 'scheduled' };
}
