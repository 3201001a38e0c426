/** One owner of a schedule as the tests see it. */
import assert from 'node:assert/strict';
import { createLogger, type Logger } from '@sallyport/log';
import { newQueueId, type QueueId } from '@sallyport/mail';
import {
  type JobHandler,
  type JobOutcome,
  type JobRef,
  type JobSchedule,
  restoreJobs,
} from './index.ts';

export const BACK_OFF = { firstMs: 60, maxMs: 1_000 };
/** Opens schedules over the same store one after another, as restarts of the owner would. */
export interface Driver {
  open(): JobSchedule;
  readonly lines: string[];
}

/** One owner: the schedule, what it was asked to do, and a stand-in for the spool. */
export class Bench implements AsyncDisposable {
  readonly #driver: Driver;
  readonly spool = new Map<QueueId, JobRef>();
  readonly runs: { job: JobRef; at: number }[] = [];
  readonly active: JobRef[] = [];
  mostActive = 0;
  readonly #doubled: QueueId[] = [];
  #waiters: (() => void)[] = [];
  schedule: JobSchedule;

  constructor(driver: Driver) {
    this.#driver = driver;
    this.schedule = driver.open();
  }

  get lines(): string[] {
    return this.#driver.lines;
  }

  async put(dueInMs: number, destination: string | null = null): Promise<QueueId> {
    const id = newQueueId(new Date());
    const job = { id, dueAt: new Date(Date.now() + dueInMs), destination };
    this.spool.set(id, job);
    await this.schedule.add(job);
    return id;
  }

  /** A handler that notes each run before it does what the test wants. */
  handler(work: (job: JobRef, run: number) => Promise<JobOutcome> | JobOutcome): JobHandler {
    return async (job: JobRef): Promise<JobOutcome> => {
      // An assertion here would only be one more surprise to the schedule: told at the end.
      if (this.active.some((other) => other.id === job.id)) this.#doubled.push(job.id);
      this.runs.push({ job, at: Date.now() });
      this.active.push(job);
      this.mostActive = Math.max(this.mostActive, this.active.length);
      this.#changed();
      try {
        const outcome = await work(job, this.runs.filter((run) => run.job.id === job.id).length);
        if (outcome.kind === 'done') this.spool.delete(job.id);
        return outcome;
      } finally {
        this.active.splice(this.active.indexOf(job), 1);
        this.#changed();
      }
    };
  }

  /** Resolves once the condition holds; looked at after each start and end of a run. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  runsOf(id: QueueId): number[] {
    return this.runs.filter((run) => run.job.id === id).map((run) => run.at);
  }

  async restart(): Promise<void> {
    await this.schedule.close();
    this.schedule = this.#driver.open();
  }

  async rescan(): Promise<number> {
    const ids = [...this.spool.keys()];
    return restoreJobs({
      ids: (async function* () {
        yield* ids;
      })(),
      schedule: this.schedule,
      jobOf: async (id) => this.spool.get(id) ?? null,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.schedule.close();
    assert.deepEqual(this.#doubled, [], 'a job ran twice at once');
  }

  #changed(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}

export const done = (): JobOutcome => ({ kind: 'done' });

export function logTo(lines: string[]): Logger {
  return createLogger({
    service: 'test',
    now: () => new Date(),
    write: (line) => lines.push(line),
  });
}
