/** Work that reads and then writes the same files: one piece after the other. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Does the work when all that came before has ended, well or not. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {}); // whoever asked for it is told
    return await mine;
  }
}
