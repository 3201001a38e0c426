import type { JobTable } from './job-table.ts';

const NONE = -1;

/** What the schedule keeps of one destination while it has jobs or is paused. */
export interface Line {
  readonly name: string;
  readonly index: number;
  jobs: number;
  first: number;
  last: number;
  isPaused: boolean;
  /** True while it stands in the ring of lines that may have something to start. */
  isReady: boolean;
  timer: NodeJS.Timeout | null;
}

/** Due jobs that wait for their destination, first come first served; linked through the table. */
export class DestinationLines {
  readonly #table: JobTable;
  readonly #byName = new Map<string, Line>();
  readonly #byIndex: (Line | undefined)[] = [];
  readonly #freeIndexes: number[] = [];

  constructor(table: JobTable) {
    this.#table = table;
  }

  /** The line of a destination, made where there is none. */
  named(name: string): Line {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const index = this.#freeIndexes.pop() ?? this.#byIndex.length;
    const line: Line = {
      name,
      index,
      jobs: 0,
      first: NONE,
      last: NONE,
      isPaused: false,
      isReady: false,
      timer: null,
    };
    this.#byName.set(name, line);
    this.#byIndex[index] = line;
    return line;
  }

  /** The line of a job, null if it goes nowhere. */
  of(slot: number): Line | null {
    return this.#byIndex[this.#table.destination(slot)] ?? null;
  }

  /** Makes the job one of that destination's, or of none. */
  assign(slot: number, name: string | null): void {
    const line = name === null ? null : this.named(name);
    if (line !== null) line.jobs += 1;
    this.#table.setDestination(slot, line?.index ?? NONE);
  }

  /** The job is no longer one of its destination's. */
  unassign(slot: number): void {
    const line = this.of(slot);
    this.#table.setDestination(slot, NONE);
    if (line === null) return;
    line.jobs -= 1;
    this.forgetIfIdle(line);
  }

  forgetIfIdle(line: Line): void {
    if (line.jobs > 0 || line.isPaused) return;
    if (line.timer !== null) clearTimeout(line.timer);
    line.timer = null;
    this.#byName.delete(line.name);
    this.#byIndex[line.index] = undefined;
    this.#freeIndexes.push(line.index);
  }

  append(line: Line, slot: number): void {
    this.#table.setPlace(slot, NONE);
    this.#table.setBefore(slot, line.last);
    if (line.last === NONE) line.first = slot;
    else this.#table.setPlace(line.last, slot);
    line.last = slot;
  }

  take(line: Line, slot: number): void {
    const next = this.#table.place(slot);
    const before = this.#table.before(slot);
    if (before === NONE) line.first = next;
    else this.#table.setPlace(before, next);
    if (next === NONE) line.last = before;
    else this.#table.setBefore(next, before);
  }

  *all(): Iterable<Line> {
    yield* this.#byName.values();
  }
}
