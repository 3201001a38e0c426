const MAX_WAITING = 1_000;

/** Work that nobody waits for, one piece after the other in the order in which it came. */
export class BackgroundLine {
  readonly #failed: (cause: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** @param failed is told what a piece of work threw; the next one goes on. */
  constructor(failed: (cause: unknown) => void) {
    this.#failed = failed;
  }

  /** Adds work that may be left undone. @returns false if too much waits already. */
  offer(work: () => Promise<void>): boolean {
    if (this.#waiting >= MAX_WAITING) return false;
    this.#waiting += 1;
    this.add(() => work().finally(() => (this.#waiting -= 1)));
    return true;
  }

  /** Adds work that must be done. */
  add(work: () => Promise<void>): void {
    this.#last = this.#last.then(work).catch(this.#failed);
  }

  /** Resolves when all that was added so far is done. */
  async done(): Promise<void> {
    await this.#last;
  }
}
