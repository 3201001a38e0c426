import type { Clock } from '@sallyport/mail';

interface Slot<Value> {
  readonly value: Value;
  readonly expiresAt: number;
  readonly sizeBytes: number;
}

interface BoundedCacheOptions {
  readonly clock: Clock;
  readonly maxEntries: number;
  readonly maxBytes?: number;
}

/** A map whose entries expire and whose size is bounded; the least recently used entry goes first. */
export class BoundedCache<Value> {
  readonly #slots = new Map<string, Slot<Value>>();
  readonly #options: BoundedCacheOptions;
  #bytes = 0;

  constructor(options: BoundedCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Null if it was never set, has expired or had to go. */
  get(key: string): Value | null {
    const slot = this.#slots.get(key);
    if (slot === undefined) return null;
    this.#drop(key, slot);
    if (slot.expiresAt <= this.#options.clock.now().getTime()) return null;
    this.#put(key, slot);
    return slot.value;
  }

  set(key: string, value: Value, lifetimeMs: number, sizeBytes = 0): void {
    const old = this.#slots.get(key);
    if (old !== undefined) this.#drop(key, old);
    if (lifetimeMs <= 0) return;
    const expiresAt = this.#options.clock.now().getTime() + lifetimeMs;
    this.#put(key, { value, expiresAt, sizeBytes });
    const maxBytes = this.#options.maxBytes ?? Number.POSITIVE_INFINITY;
    for (const [oldest, slot] of this.#slots) {
      if (this.#slots.size <= this.#options.maxEntries && this.#bytes <= maxBytes) break;
      this.#drop(oldest, slot);
    }
  }

  clear(): void {
    this.#slots.clear();
    this.#bytes = 0;
  }

  #put(key: string, slot: Slot<Value>): void {
    this.#slots.set(key, slot);
    this.#bytes += slot.sizeBytes;
  }

  #drop(key: string, slot: Slot<Value>): void {
    this.#slots.delete(key);
    this.#bytes -= slot.sizeBytes;
  }
}
