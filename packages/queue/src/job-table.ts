import type { QueueId } from '@sallyport/mail';
import { packHalf, unpackId } from './packed-id.ts';

const FIRST_CAPACITY = 1_024;
const GROWTH = 1.25;
const NONE = -1;

/** Where a job is in the schedule. */
const FREE = 0;
export const IN_HEAP = 1;
export const IN_LINE = 2;
export const RUNNING = 3;

/**
 * The jobs in columns of numbers, about 50 bytes each: a million objects would cost ten times that
 * and keep the garbage collector busy. A job is named by its slot.
 *
 * Columns are read with `at()`, since an index out of range would be a bug here, not a case.
 */
export class JobTable {
  #time = new Float64Array(0);
  #random = new Float64Array(0);
  #dueAt = new Float64Array(0);
  #destination = new Int32Array(0);
  #state = new Uint8Array(0);
  #marks = new Uint8Array(0);
  #surprises = new Uint8Array(0);
  /** Heap position, or the next in the destination's line. */
  #place = new Int32Array(0);
  #before = new Int32Array(0);
  #bucket = new Int32Array(0);
  /** Next slot of the same bucket, or of the free list. */
  #chain = new Int32Array(0);
  #free = NONE;
  readonly #maxJobs: number;
  size = 0;

  constructor(maxJobs: number) {
    this.#maxJobs = maxJobs;
    this.#grow(Math.min(FIRST_CAPACITY, maxJobs));
  }

  get capacity(): number {
    return this.#dueAt.length;
  }

  /** The slot of an id, or -1. */
  find(id: QueueId): number {
    const time = packHalf(id, 0);
    const random = packHalf(id, 1);
    let slot = at(this.#bucket, this.#bucketOf(random));
    while (slot !== NONE) {
      if (at(this.#random, slot) === random && at(this.#time, slot) === time) return slot;
      slot = at(this.#chain, slot);
    }
    return NONE;
  }

  /** A slot for a new id, or -1 if the table is full. */
  insert(id: QueueId): number {
    if (this.#free === NONE) this.#grow(Math.min(this.#maxJobs, Math.ceil(this.capacity * GROWTH)));
    const slot = this.#free;
    if (slot === NONE) return NONE;
    this.#free = at(this.#chain, slot);
    this.#time[slot] = packHalf(id, 0);
    this.#random[slot] = packHalf(id, 1);
    this.#state[slot] = IN_HEAP;
    this.#marks[slot] = 0;
    this.#surprises[slot] = 0;
    this.#link(slot);
    this.size += 1;
    return slot;
  }

  delete(slot: number): void {
    const bucket = this.#bucketOf(at(this.#random, slot));
    const next = at(this.#chain, slot);
    let other = at(this.#bucket, bucket);
    if (other === slot) this.#bucket[bucket] = next;
    else {
      while (at(this.#chain, other) !== slot) other = at(this.#chain, other);
      this.#chain[other] = next;
    }
    this.#state[slot] = FREE;
    this.#chain[slot] = this.#free;
    this.#free = slot;
    this.size -= 1;
  }

  idOf(slot: number): QueueId {
    return unpackId(at(this.#time, slot), at(this.#random, slot));
  }

  /** When its id was made, in milliseconds: the age of the message. */
  madeAt(slot: number): number {
    return at(this.#time, slot);
  }

  dueAt(slot: number): number {
    return at(this.#dueAt, slot);
  }

  setDueAt(slot: number, dueAt: number): void {
    this.#dueAt[slot] = dueAt;
  }

  destination(slot: number): number {
    return at(this.#destination, slot);
  }

  setDestination(slot: number, destination: number): void {
    this.#destination[slot] = destination;
  }

  state(slot: number): number {
    return at(this.#state, slot);
  }

  setState(slot: number, state: number): void {
    this.#state[slot] = state;
  }

  marks(slot: number): number {
    return at(this.#marks, slot);
  }

  setMarks(slot: number, marks: number): void {
    this.#marks[slot] = marks;
  }

  surprises(slot: number): number {
    return at(this.#surprises, slot);
  }

  setSurprises(slot: number, count: number): void {
    this.#surprises[slot] = Math.min(count, 255);
  }

  /** Heap position while in the heap; next in line while in line. */
  place(slot: number): number {
    return at(this.#place, slot);
  }

  setPlace(slot: number, place: number): void {
    this.#place[slot] = place;
  }

  /** The one before in the destination's line. */
  before(slot: number): number {
    return at(this.#before, slot);
  }

  setBefore(slot: number, before: number): void {
    this.#before[slot] = before;
  }

  #bucketOf(random: number): number {
    return (random >>> 0) % this.#bucket.length;
  }

  #link(slot: number): void {
    const bucket = this.#bucketOf(at(this.#random, slot));
    this.#chain[slot] = at(this.#bucket, bucket);
    this.#bucket[bucket] = slot;
  }

  #grow(capacity: number): void {
    const old = this.capacity;
    if (capacity <= old) return;
    this.#time = widened(this.#time, new Float64Array(capacity));
    this.#random = widened(this.#random, new Float64Array(capacity));
    this.#dueAt = widened(this.#dueAt, new Float64Array(capacity));
    this.#destination = widened(this.#destination, new Int32Array(capacity));
    this.#state = widened(this.#state, new Uint8Array(capacity));
    this.#marks = widened(this.#marks, new Uint8Array(capacity));
    this.#surprises = widened(this.#surprises, new Uint8Array(capacity));
    this.#place = widened(this.#place, new Int32Array(capacity));
    this.#before = widened(this.#before, new Int32Array(capacity));
    this.#bucket = new Int32Array(capacity).fill(NONE);
    this.#chain = new Int32Array(capacity);
    for (let slot = 0; slot < old; slot += 1) this.#link(slot);
    for (let slot = capacity - 1; slot >= old; slot -= 1) {
      this.#chain[slot] = this.#free;
      this.#free = slot;
    }
  }
}

type Column = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/** A number of a column. */
export function at(column: Column, index: number): number {
  const value = column[index];
  if (value === undefined) throw new RangeError(`no slot ${index}`);
  return value;
}

function widened<T extends Column>(old: T, wide: T): T {
  wide.set(old);
  return wide;
}
