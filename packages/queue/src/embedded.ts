import type { Logger } from '@sallyport/log';
import { type Clock, never, type QueueId, sleepMs } from '@sallyport/mail';
import { DestinationGates } from './destination-gate.ts';
import type { Line } from './destination-lines.ts';
import { JobBook, MARK_REMOVED, MARK_WOKEN } from './job-book.ts';
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

// A clock that was set, or one that follows a file, is noticed within this time.
const MAX_SLEEP_MS = 1_000;
const STEPS_A_TURN = 1_000;

export interface EmbeddedScheduleOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jobs kept in memory; the others are found again by the owner's scan of the spool. */
  readonly maxJobs: number;
  /** Destinations that were paused when the owner last ran. */
  readonly paused?: readonly string[];
  readonly surpriseBackOff?: SurpriseBackOff;
}

/** The schedule of one owning process, in its memory. */
export function createEmbeddedSchedule(options: EmbeddedScheduleOptions): JobSchedule {
  return new EmbeddedSchedule(options);
}

class EmbeddedSchedule implements JobSchedule {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #backOff: SurpriseBackOff;
  readonly #book: JobBook;
  #gates = new DestinationGates(undefined);
  #ready: Line[] = [];
  readonly #runningSlots = new Set<number>();
  #work: { readonly handler: JobHandler; readonly concurrency: number } | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** The due time that the timer was set for. */
  #wakesAt = Infinity;
  #turn: NodeJS.Immediate | null = null;
  #closing: PromiseWithResolvers<void> | null = null;

  constructor(options: EmbeddedScheduleOptions) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#backOff = options.surpriseBackOff ?? DEFAULT_SURPRISE_BACK_OFF;
    this.#book = new JobBook(options);
    for (const name of options.paused ?? []) this.#book.lines.named(name).isPaused = true;
  }

  async add(job: JobRef): Promise<void> {
    if (this.#book.find(job.id) !== -1) return;
    this.#book.insert(job);
    this.#soonIfDue();
  }

  async reschedule(job: JobRef): Promise<void> {
    const slot = this.#book.find(job.id);
    if (slot === -1) this.#book.insert(job);
    else this.#book.advance(slot, job.dueAt.getTime());
    this.#soonIfDue();
  }

  async missing(ids: readonly QueueId[]): Promise<QueueId[]> {
    return ids.filter((id) => this.#book.find(id) === -1);
  }

  start(handler: JobHandler, options: StartOptions): void {
    if (this.#work !== null) throw new Error('schedule was started before');
    this.#work = { handler, concurrency: options.concurrency };
    this.#gates = new DestinationGates(options.perDestination);
    this.#soon();
  }

  async wake(id: QueueId): Promise<void> {
    const slot = this.#book.find(id);
    if (slot === -1) return;
    if (this.#book.isRunning(slot)) this.#book.mark(slot, MARK_WOKEN);
    else this.#book.advance(slot, this.#clock.now().getTime());
    this.#soonIfDue();
  }

  async remove(id: QueueId): Promise<void> {
    const slot = this.#book.find(id);
    if (slot === -1) return;
    if (this.#book.isRunning(slot)) this.#book.mark(slot, MARK_REMOVED);
    else this.#book.drop(slot);
  }

  async pause(destination: string): Promise<void> {
    this.#book.lines.named(destination).isPaused = true;
  }

  async resume(destination: string): Promise<void> {
    const line = this.#book.lines.named(destination);
    line.isPaused = false;
    this.#offer(line);
    this.#book.lines.forgetIfIdle(line);
  }

  async paused(): Promise<string[]> {
    const names: string[] = [];
    for (const line of this.#book.lines.all()) if (line.isPaused) names.push(line.name);
    return names;
  }

  async snapshot(limit = SNAPSHOT_LIMIT): Promise<JobView[]> {
    return this.#book.snapshot(this.#runningSlots, limit);
  }

  async counts(): Promise<JobCounts> {
    const running = this.#runningSlots.size;
    return { waiting: this.#book.size - running, running };
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#turn !== null) clearImmediate(this.#turn);
    for (const line of this.#book.lines.all()) if (line.timer !== null) clearTimeout(line.timer);
    if (this.#runningSlots.size === 0) this.#closing.resolve();
    await this.#closing.promise;
  }

  /** The sleep that runs may be too long for what just came or moved. */
  #soonIfDue(): void {
    const nextDueAt = this.#book.nextDueAt();
    if (nextDueAt !== null && nextDueAt < this.#wakesAt) this.#soon();
  }

  /** Looks for work in a turn of its own, however many calls ask for it. */
  #soon(): void {
    if (this.#work === null || this.#closing !== null || this.#turn !== null) return;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      this.#pump();
    });
  }

  #pump(): void {
    const work = this.#work;
    if (work === null || this.#closing !== null) return;
    const now = this.#clock.now().getTime();
    for (let step = 0; this.#runningSlots.size < work.concurrency; step += 1) {
      if (step === STEPS_A_TURN) {
        this.#soon();
        return;
      }
      // Both by turns, so that neither a long line nor a long heap keeps the other waiting.
      const didLine = this.#stepLines(work.handler, now);
      if (this.#runningSlots.size >= work.concurrency) return;
      if (!this.#stepHeap(work.handler, now) && !didLine) break;
    }
    this.#sleep(now);
  }

  #stepLines(handler: JobHandler, now: number): boolean {
    const line = this.#ready.shift();
    if (line === undefined) return false;
    line.isReady = false;
    if (line.first === -1 || line.isPaused) return true;
    if (!this.#enter(line, now)) return true;
    this.#run(this.#book.takeFirst(line), handler);
    this.#offer(line);
    return true;
  }

  #stepHeap(handler: JobHandler, now: number): boolean {
    const slot = this.#book.takeDue(now);
    if (slot === -1) return false;
    const line = this.#book.lines.of(slot);
    const isFree = line === null || (line.first === -1 && !line.isPaused && this.#enter(line, now));
    if (isFree) this.#run(slot, handler);
    else this.#book.park(slot, line);
    return true;
  }

  /** Takes a slot of the destination; where its rate says not yet, sees to it that it is asked again. */
  #enter(line: Line, now: number): boolean {
    const entry = this.#gates.enter(line.name, now);
    if (entry.kind === 'too-early' && line.timer === null) {
      const restMs = sleepMs(this.#clock, Math.min(MAX_SLEEP_MS, entry.opensAt - now));
      line.timer = setTimeout(() => {
        line.timer = null;
        this.#offer(line);
      }, restMs);
    }
    return entry.kind === 'entered';
  }

  #offer(line: Line): void {
    if (line.first === -1 || line.isPaused) return;
    if (!line.isReady) this.#ready.push(line);
    line.isReady = true;
    this.#soon();
  }

  #sleep(now: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const nextDueAt = this.#book.nextDueAt();
    this.#wakesAt = nextDueAt ?? Infinity;
    if (nextDueAt === null) return;
    const restMs = sleepMs(this.#clock, Math.min(MAX_SLEEP_MS, nextDueAt - now));
    this.#timer = setTimeout(() => this.#pump(), restMs);
  }

  #run(slot: number, handler: JobHandler): void {
    this.#book.run(slot);
    this.#runningSlots.add(slot);
    const { id, dueAt, destination } = this.#book.view(slot);
    const job = { id, dueAt, destination };
    // Not at once: a handler that ends without waiting must not call back into the pump.
    queueMicrotask(() => {
      void this.#ask(slot, handler, job).then((outcome) => this.#settle(slot, outcome));
    });
  }

  async #ask(slot: number, handler: JobHandler, job: JobRef): Promise<JobOutcome> {
    try {
      const outcome = await handler(job);
      this.#book.setSurprises(slot, 0);
      return outcome;
    } catch (cause) {
      const count = this.#book.surprises(slot);
      this.#book.setSurprises(slot, count + 1);
      const at = new Date(this.#clock.now().getTime() + surpriseDelayMs(this.#backOff, count));
      this.#logger.error('job.surprised', {
        queueId: job.id,
        destination: job.destination,
        surprises: count + 1,
        nextAttempt: at,
        cause,
      });
      return { kind: 'again', at };
    }
  }

  #settle(slot: number, outcome: JobOutcome): void {
    this.#runningSlots.delete(slot);
    const line = this.#book.lines.of(slot);
    if (line !== null) {
      this.#gates.leave(line.name);
      this.#offer(line);
    }
    switch (outcome.kind) {
      case 'done':
        this.#book.drop(slot);
        break;
      case 'again':
        if (this.#book.isMarked(slot, MARK_REMOVED)) this.#book.drop(slot);
        else {
          const isWoken = this.#book.isMarked(slot, MARK_WOKEN);
          const at = isWoken ? this.#clock.now() : outcome.at;
          this.#book.again(slot, at.getTime(), outcome.destination);
        }
        break;
      default:
        never(outcome);
    }
    if (this.#closing === null) this.#soon();
    else if (this.#runningSlots.size === 0) this.#closing.resolve();
  }
}
