/** The most keys that are remembered; the oldest are forgotten first. */
const MAX_KEYS = 10_000;

interface Entry {
  failures: number;
  since: number;
}

/** Counts failures by key (an address, a login) within a window of time. */
export class FailureLimit {
  readonly #max: number;
  readonly #windowMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(options: { readonly max: number; readonly windowMs: number }) {
    this.#max = options.max;
    this.#windowMs = options.windowMs;
  }

  /** True if the key has failed too often. */
  isReached(key: string, now: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    if (now - entry.since > this.#windowMs) {
      this.#entries.delete(key);
      return false;
    }
    return entry.failures >= this.#max;
  }

  /** One more failure of the key. */
  add(key: string, now: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && now - entry.since <= this.#windowMs) {
      entry.failures += 1;
      return;
    }
    this.#entries.delete(key);
    this.#entries.set(key, { failures: 1, since: now });
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > MAX_KEYS && oldest.done !== true) this.#entries.delete(oldest.value);
  }

  /** The key has succeeded. */
  clear(key: string): void {
    this.#entries.delete(key);
  }
}
