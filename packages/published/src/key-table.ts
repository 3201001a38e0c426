import { hash } from 'node:crypto';

const FIRST_CAPACITY = 1_024;
const GROWTH = 1.3;
const MAX_LOAD = 0.85;
/** Rows of one key: more are more than any answer holds, and long runs would make all slow. */
const MAX_ROWS = 64;

/**
 * From a key to the rows that have it: 8 bytes a slot, open addressing with linear probing. Keys
 * are kept as 32 bits of their SHA-256, so a row that is found may be another's: look at it.
 * Of one key only the newest 64 rows are kept.
 */
export class KeyTable {
  #prints = new Uint32Array(FIRST_CAPACITY);
  /** Row number plus one; 0 is a free slot. */
  #rows = new Uint32Array(FIRST_CAPACITY);
  #size = 0;

  /** What the table takes in memory. */
  get bytes(): number {
    return this.#prints.byteLength + this.#rows.byteLength;
  }

  add(key: string, row: number): void {
    if (this.#size + 1 > this.#rows.length * MAX_LOAD) this.#grow();
    this.#put(printOf(key), row);
  }

  /** Rows that may have the key, oldest first. */
  rowsOf(key: string): number[] {
    const print = printOf(key);
    const rows: number[] = [];
    for (let slot = this.#slotOf(print); this.#rows[slot] !== 0; slot = this.#after(slot)) {
      if (this.#prints[slot] === print) rows.push((this.#rows[slot] ?? 0) - 1);
    }
    return rows.sort((a, b) => a - b);
  }

  #put(print: number, row: number): void {
    let [same, oldest, slot] = [0, -1, this.#slotOf(print)];
    for (; this.#rows[slot] !== 0; slot = this.#after(slot)) {
      if (this.#prints[slot] !== print) continue;
      same += 1;
      if (oldest < 0 || (this.#rows[slot] ?? 0) < (this.#rows[oldest] ?? 0)) oldest = slot;
    }
    if (same >= MAX_ROWS) slot = oldest;
    else this.#size += 1;
    this.#prints[slot] = print;
    this.#rows[slot] = row + 1;
  }

  #grow(): void {
    const [prints, rows] = [this.#prints, this.#rows];
    const capacity = Math.ceil(rows.length * GROWTH);
    this.#prints = new Uint32Array(capacity);
    this.#rows = new Uint32Array(capacity);
    this.#size = 0;
    for (const [slot, row] of rows.entries()) {
      if (row !== 0) this.#put(prints[slot] ?? 0, row - 1);
    }
  }

  #slotOf(print: number): number {
    return print % this.#rows.length;
  }

  #after(slot: number): number {
    return slot + 1 === this.#rows.length ? 0 : slot + 1;
  }
}

function printOf(key: string): number {
  return hash('sha256', key, 'buffer').readUInt32BE();
}
