/** Lets so many run at once and so many wait. */
export class HashSlots {
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: { readonly atOnce: number; readonly maxWaiting: number }) {
    this.#atOnce = options.atOnce;
    this.#maxWaiting = options.maxWaiting;
  }

  /** Runs the work when there is a slot; null, at once, if too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.length >= this.#maxWaiting) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise; // whoever ends hands its slot over
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
