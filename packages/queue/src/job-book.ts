import type { Logger } from '@sallyport/log';
import type { QueueId } from '@sallyport/mail';
import { DestinationLines, type Line } from './destination-lines.ts';
import { DueHeap } from './due-heap.ts';
import { IN_HEAP, IN_LINE, JobTable, RUNNING } from './job-table.ts';
import type { JobRef, JobState, JobView } from './schedule.ts';

/** What happened to a job while it ran, as bits. */
export const MARK_REMOVED = 1;
export const MARK_WOKEN = 2;

/** Every job the embedded schedule knows: in the heap until due, then in line or running. */
export class JobBook {
  readonly #logger: Logger;
  readonly #table: JobTable;
  readonly #heap: DueHeap;
  readonly lines: DestinationLines;
  #isFull = false;

  constructor(options: { readonly logger: Logger; readonly maxJobs: number }) {
    this.#logger = options.logger;
    this.#table = new JobTable(options.maxJobs);
    this.#heap = new DueHeap(this.#table);
    this.lines = new DestinationLines(this.#table);
  }

  get size(): number {
    return this.#table.size;
  }

  find(id: QueueId): number {
    return this.#table.find(id);
  }

  isRunning(slot: number): boolean {
    return this.#table.state(slot) === RUNNING;
  }

  /** When the next job of the heap falls due; null if there is none. */
  nextDueAt(): number | null {
    return this.#heap.top() === -1 ? null : this.#table.dueAt(this.#heap.top());
  }

  /** Adds a job that is not known yet; where the book is full it may be left out. */
  insert(job: JobRef): void {
    const dueAt = job.dueAt.getTime();
    let slot = this.#table.insert(job.id);
    if (slot === -1) {
      this.#sayFull();
      // What is due later makes room: otherwise new mail would wait for old deferred mail.
      const late = this.#heap.late();
      if (late === -1 || this.#table.dueAt(late) <= dueAt) return;
      this.drop(late);
      slot = this.#table.insert(job.id);
    } else this.#isFull = false;
    this.lines.assign(slot, job.destination);
    this.#enqueue(slot, dueAt);
  }

  /** Makes a job of the heap due earlier. */
  advance(slot: number, dueAt: number): void {
    if (this.#table.state(slot) !== IN_HEAP || this.#table.dueAt(slot) <= dueAt) return;
    this.#table.setDueAt(slot, dueAt);
    this.#heap.update(slot);
  }

  drop(slot: number): void {
    const line = this.lines.of(slot);
    if (this.#table.state(slot) === IN_HEAP) this.#heap.remove(slot);
    else if (this.#table.state(slot) === IN_LINE && line !== null) this.lines.take(line, slot);
    this.lines.unassign(slot);
    this.#table.delete(slot);
  }

  /** Takes the next due job off the heap; -1 if none is due. */
  takeDue(now: number): number {
    const slot = this.#heap.top();
    if (slot === -1 || this.#table.dueAt(slot) > now) return -1;
    this.#heap.remove(slot);
    return slot;
  }

  /** Takes the first job of a line that has one. */
  takeFirst(line: Line): number {
    const slot = line.first;
    this.lines.take(line, slot);
    return slot;
  }

  park(slot: number, line: Line): void {
    this.#table.setState(slot, IN_LINE);
    this.lines.append(line, slot);
  }

  run(slot: number): void {
    this.#table.setState(slot, RUNNING);
    this.#table.setMarks(slot, 0);
  }

  /** Puts a job that ran back into the heap, with its new destination if that is named. */
  again(slot: number, dueAt: number, destination?: string | null): void {
    if (destination !== undefined) {
      this.lines.unassign(slot);
      this.lines.assign(slot, destination);
    }
    this.#enqueue(slot, dueAt);
  }

  mark(slot: number, mark: number): void {
    this.#table.setMarks(slot, this.#table.marks(slot) | mark);
  }

  isMarked(slot: number, mark: number): boolean {
    return (this.#table.marks(slot) & mark) !== 0;
  }

  surprises(slot: number): number {
    return this.#table.surprises(slot);
  }

  setSurprises(slot: number, count: number): void {
    this.#table.setSurprises(slot, count);
  }

  view(slot: number): JobView {
    const line = this.lines.of(slot);
    return {
      id: this.#table.idOf(slot),
      dueAt: new Date(this.#table.dueAt(slot)),
      destination: line?.name ?? null,
      state: this.#stateOf(slot, line),
    };
  }

  /** Those that run, then those in line, then the top of the heap, until `limit`. */
  snapshot(running: Iterable<number>, limit: number): JobView[] {
    const slots = [...running].slice(0, limit);
    for (const line of this.lines.all()) {
      let slot = line.first;
      for (; slot !== -1 && slots.length < limit; slot = this.#table.place(slot)) slots.push(slot);
    }
    for (let i = 0; i < this.#heap.size && slots.length < limit; i += 1) {
      slots.push(this.#heap.slotAt(i));
    }
    const views = slots.map((slot) => this.view(slot));
    return views.sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
  }

  #enqueue(slot: number, dueAt: number): void {
    this.#table.setDueAt(slot, dueAt);
    this.#table.setState(slot, IN_HEAP);
    this.#heap.push(slot);
  }

  #sayFull(): void {
    if (!this.#isFull) this.#logger.warn('schedule.full', { jobs: this.#table.size });
    this.#isFull = true;
  }

  #stateOf(slot: number, line: Line | null): JobState {
    if (this.#table.state(slot) === RUNNING) return 'running';
    if (line?.isPaused === true) return 'paused';
    return this.#table.state(slot) === IN_LINE ? 'parked' : 'scheduled';
  }
}
