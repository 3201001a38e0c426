import type { Logger } from '@sallyport/log';
import { type Clock, never, type QueueId } from '@sallyport/mail';
import { DestinationGates } from './destination-gate.ts';
import { DestinationLines, type Line } from './destination-lines.ts';
import { DueHeap } from './due-heap.ts';
import { IN_HEAP, IN_LINE, JobTable, RUNNING } from './job-table.ts';
import {
  DEFAULT_SURPRISE_BACK_OFF,
  type JobCounts,
  type JobHandler,
  type JobOutcome,
  type JobRef,
  type JobSchedule,
  type JobState,
  type JobView,
  SNAPSHOT_LIMIT,
  type StartOptions,
  type SurpriseBackOff,
  surpriseDelayMs,
} from './schedule.ts';

// A clock that was set, or one that follows a file, is noticed within this time.
const MAX_SLEEP_MS = 1_000;
const STEPS_A_TURN = 1_000;
const MARK_REMOVED = 1;
const MARK_WOKEN = 2;

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
  readonly #table: JobTable;
  readonly #heap: DueHeap;
  readonly #lines: DestinationLines;
  #gates = new DestinationGates(undefined);
  #ready: Line[] = [];
  readonly #runningSlots = new Set<number>();
  #work: { readonly handler: JobHandler; readonly concurrency: number } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #turn: NodeJS.Immediate | null = null;
  #isFull = false;
  #closing: PromiseWithResolvers<void> | null = null;

  constructor(options: EmbeddedScheduleOptions) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#backOff = options.surpriseBackOff ?? DEFAULT_SURPRISE_BACK_OFF;
    this.#table = new JobTable(options.maxJobs);
    this.#heap = new DueHeap(this.#table);
    this.#lines = new DestinationLines(this.#table);
    for (const name of options.paused ?? []) this.#lines.named(name).isPaused = true;
  }

  async add(job: JobRef): Promise<void> {
    if (this.#table.find(job.id) === -1) this.#insert(job);
  }

  async reschedule(job: JobRef): Promise<void> {
    const slot = this.#table.find(job.id);
    if (slot === -1) this.#insert(job);
    else this.#advance(slot, job.dueAt.getTime());
  }

  async missing(ids: readonly QueueId[]): Promise<QueueId[]> {
    return ids.filter((id) => this.#table.find(id) === -1);
  }

  start(handler: JobHandler, options: StartOptions): void {
    if (this.#work !== null) throw new Error('schedule was started before');
    this.#work = { handler, concurrency: options.concurrency };
    this.#gates = new DestinationGates(options.perDestination);
    this.#soon();
  }

  async wake(id: QueueId): Promise<void> {
    const slot = this.#table.find(id);
    if (slot === -1) return;
    if (this.#table.state(slot) === RUNNING) this.#mark(slot, MARK_WOKEN);
    else this.#advance(slot, this.#clock.now().getTime());
  }

  async remove(id: QueueId): Promise<void> {
    const slot = this.#table.find(id);
    if (slot === -1) return;
    if (this.#table.state(slot) === RUNNING) this.#mark(slot, MARK_REMOVED);
    else this.#drop(slot);
  }

  async pause(destination: string): Promise<void> {
    this.#lines.named(destination).isPaused = true;
  }

  async resume(destination: string): Promise<void> {
    const line = this.#lines.named(destination);
    line.isPaused = false;
    this.#offer(line);
    this.#lines.forgetIfIdle(line);
  }

  async paused(): Promise<string[]> {
    const names: string[] = [];
    for (const line of this.#lines.all()) if (line.isPaused) names.push(line.name);
    return names;
  }

  async snapshot(limit = SNAPSHOT_LIMIT): Promise<JobView[]> {
    const slots = [...this.#runningSlots].slice(0, limit);
    for (const line of this.#lines.all()) {
      for (let slot = line.first; slot !== -1; slot = this.#table.place(slot)) {
        if (slots.length >= limit) break;
        slots.push(slot);
      }
    }
    for (let i = 0; i < this.#heap.size && slots.length < limit; i += 1) {
      slots.push(this.#heap.slotAt(i));
    }
    return slots
      .map((slot) => this.#view(slot))
      .sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
  }

  async counts(): Promise<JobCounts> {
    const running = this.#runningSlots.size;
    return { waiting: this.#table.size - running, running };
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#turn !== null) clearImmediate(this.#turn);
    for (const line of this.#lines.all()) if (line.timer !== null) clearTimeout(line.timer);
    if (this.#runningSlots.size === 0) this.#closing.resolve();
    await this.#closing.promise;
  }

  #insert(job: JobRef): void {
    const dueAt = job.dueAt.getTime();
    let slot = this.#table.insert(job.id);
    if (slot === -1) {
      this.#sayFull();
      // What is due later makes room: otherwise new mail would wait for old deferred mail.
      const late = this.#heap.late();
      if (late === -1 || this.#table.dueAt(late) <= dueAt) return;
      this.#drop(late);
      slot = this.#table.insert(job.id);
    } else this.#isFull = false;
    this.#table.setDueAt(slot, dueAt);
    this.#lines.assign(slot, job.destination);
    this.#enqueue(slot);
  }

  #sayFull(): void {
    if (!this.#isFull) this.#logger.warn('schedule.full', { jobs: this.#table.size });
    this.#isFull = true;
  }

  #enqueue(slot: number): void {
    this.#table.setState(slot, IN_HEAP);
    this.#heap.push(slot);
    if (this.#heap.top() === slot) this.#soon();
  }

  #advance(slot: number, dueAt: number): void {
    if (this.#table.state(slot) !== IN_HEAP || this.#table.dueAt(slot) <= dueAt) return;
    this.#table.setDueAt(slot, dueAt);
    this.#heap.update(slot);
    if (this.#heap.top() === slot) this.#soon();
  }

  #mark(slot: number, mark: number): void {
    this.#table.setMarks(slot, this.#table.marks(slot) | mark);
  }

  #drop(slot: number): void {
    const line = this.#lines.of(slot);
    if (this.#table.state(slot) === IN_HEAP) this.#heap.remove(slot);
    else if (this.#table.state(slot) === IN_LINE && line !== null) this.#lines.take(line, slot);
    this.#lines.unassign(slot);
    this.#table.delete(slot);
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
    const slot = line.first;
    this.#lines.take(line, slot);
    this.#run(slot, handler);
    this.#offer(line);
    return true;
  }

  #stepHeap(handler: JobHandler, now: number): boolean {
    const slot = this.#heap.top();
    if (slot === -1 || this.#table.dueAt(slot) > now) return false;
    this.#heap.remove(slot);
    const line = this.#lines.of(slot);
    if (line === null || (line.first === -1 && !line.isPaused && this.#enter(line, now))) {
      this.#run(slot, handler);
      return true;
    }
    this.#table.setState(slot, IN_LINE);
    this.#lines.append(line, slot);
    return true;
  }

  /** Takes a slot of the destination; where its rate says not yet, sees to it that it is asked again. */
  #enter(line: Line, now: number): boolean {
    const entry = this.#gates.enter(line.name, now);
    if (entry.kind === 'too-early' && line.timer === null) {
      const restMs = Math.min(MAX_SLEEP_MS, entry.opensAt - now);
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
    const top = this.#heap.top();
    if (top === -1) return;
    const restMs = Math.min(MAX_SLEEP_MS, Math.max(0, this.#table.dueAt(top) - now));
    this.#timer = setTimeout(() => this.#pump(), restMs);
  }

  #run(slot: number, handler: JobHandler): void {
    this.#table.setState(slot, RUNNING);
    this.#table.setMarks(slot, 0);
    this.#runningSlots.add(slot);
    const { id, dueAt, destination } = this.#view(slot);
    const job = { id, dueAt, destination };
    // Not at once: a handler that ends without waiting must not call back into the pump.
    queueMicrotask(() => {
      void this.#ask(slot, handler, job).then((outcome) => this.#settle(slot, outcome));
    });
  }

  async #ask(slot: number, handler: JobHandler, job: JobRef): Promise<JobOutcome> {
    try {
      const outcome = await handler(job);
      this.#table.setSurprises(slot, 0);
      return outcome;
    } catch (cause) {
      const count = this.#table.surprises(slot);
      this.#table.setSurprises(slot, count + 1);
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
    const line = this.#lines.of(slot);
    if (line !== null) {
      this.#gates.leave(line.name);
      this.#offer(line);
    }
    const marks = this.#table.marks(slot);
    switch (outcome.kind) {
      case 'done':
        this.#drop(slot);
        break;
      case 'again':
        if ((marks & MARK_REMOVED) !== 0) this.#drop(slot);
        else this.#again(slot, outcome, (marks & MARK_WOKEN) !== 0);
        break;
      default:
        never(outcome);
    }
    if (this.#closing === null) this.#soon();
    else if (this.#runningSlots.size === 0) this.#closing.resolve();
  }

  #again(slot: number, outcome: JobOutcome & { readonly kind: 'again' }, isWoken: boolean): void {
    if (outcome.destination !== undefined) {
      this.#lines.unassign(slot);
      this.#lines.assign(slot, outcome.destination);
    }
    this.#table.setDueAt(slot, (isWoken ? this.#clock.now() : outcome.at).getTime());
    this.#enqueue(slot);
  }

  #view(slot: number): JobView {
    const line = this.#lines.of(slot);
    return {
      id: this.#table.idOf(slot),
      dueAt: new Date(this.#table.dueAt(slot)),
      destination: line?.name ?? null,
      state: this.#stateOf(slot, line),
    };
  }

  #stateOf(slot: number, line: Line | null): JobState {
    if (this.#table.state(slot) === RUNNING) return 'running';
    if (line?.isPaused === true) return 'paused';
    return this.#table.state(slot) === IN_LINE ? 'parked' : 'scheduled';
  }
}
