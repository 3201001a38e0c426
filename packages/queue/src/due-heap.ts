import { at, type JobTable } from './job-table.ts';

const FIRST_CAPACITY = 1_024;
const GROWTH = 1.25;
const SAMPLES = 8;

/** Slots of a job table by due time, the earliest first; of those the oldest. */
export class DueHeap {
  readonly #table: JobTable;
  #slots = new Int32Array(FIRST_CAPACITY);
  size = 0;

  constructor(table: JobTable) {
    this.#table = table;
  }

  /** The earliest slot, or -1. */
  top(): number {
    return this.size === 0 ? -1 : at(this.#slots, 0);
  }

  /** The slot at a heap position, for snapshots. */
  slotAt(position: number): number {
    return at(this.#slots, position);
  }

  push(slot: number): void {
    if (this.size === this.#slots.length) {
      const wide = new Int32Array(Math.ceil(this.size * GROWTH));
      wide.set(this.#slots);
      this.#slots = wide;
    }
    this.size += 1;
    this.#put(slot, this.size - 1);
    this.#rise(this.size - 1);
  }

  remove(slot: number): void {
    const position = this.#table.place(slot);
    this.size -= 1;
    if (position === this.size) return;
    this.#put(at(this.#slots, this.size), position);
    this.#sink(position);
    this.#rise(position);
  }

  /** After a slot's due time was changed. */
  update(slot: number): void {
    this.#rise(this.#table.place(slot));
    this.#sink(this.#table.place(slot));
  }

  /** One of the later slots: the latest of a few leaves, or -1. */
  late(): number {
    let latest = -1;
    const leaves = Math.min(SAMPLES, this.size);
    for (let i = 0; i < leaves; i += 1) {
      const slot = at(this.#slots, this.size - 1 - i * Math.floor(this.size / (2 * leaves)));
      if (latest === -1 || this.#table.dueAt(slot) > this.#table.dueAt(latest)) latest = slot;
    }
    return latest;
  }

  #put(slot: number, position: number): void {
    this.#slots[position] = slot;
    this.#table.setPlace(slot, position);
  }

  #rise(start: number): void {
    const slot = at(this.#slots, start);
    let position = start;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const above = at(this.#slots, parent);
      if (!this.#isEarlier(slot, above)) break;
      this.#put(above, position);
      position = parent;
    }
    this.#put(slot, position);
  }

  #sink(start: number): void {
    const slot = at(this.#slots, start);
    let position = start;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= this.size) break;
      const right = child + 1;
      if (right < this.size && this.#isEarlier(at(this.#slots, right), at(this.#slots, child))) {
        child = right;
      }
      if (!this.#isEarlier(at(this.#slots, child), slot)) break;
      this.#put(at(this.#slots, child), position);
      position = child;
    }
    this.#put(slot, position);
  }

  #isEarlier(a: number, b: number): boolean {
    const [dueA, dueB] = [this.#table.dueAt(a), this.#table.dueAt(b)];
    // What waited for one destination comes due together, and goes in order of age.
    return dueA === dueB ? this.#table.madeAt(a) < this.#table.madeAt(b) : dueA < dueB;
  }
}
