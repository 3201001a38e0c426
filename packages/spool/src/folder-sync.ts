import { closeDescriptor, openForReading, syncDescriptor } from './file-calls.ts';

/**
 * Group commit for one folder: changes that are asked to be durable while a sync runs share the next.
 *
 * A sync that already runs may have missed a change made after it began, so it never serves one.
 */
export class FolderSync {
  readonly #path: string;
  #fd: Promise<number> | null = null;
  #running = false;
  #next: PromiseWithResolvers<void> | null = null;
  /** Syncs made so far; for tests. */
  rounds = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when every change of the folder made before the call is on disk. */
  sync(): Promise<void> {
    this.#next ??= Promise.withResolvers<void>();
    const { promise } = this.#next;
    if (!this.#running) void this.#run();
    return promise;
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) await closeDescriptor(await fd);
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let round = this.#next; round !== null; round = this.#next) {
      this.#next = null;
      try {
        this.#fd ??= openForReading(this.#path);
        this.rounds += 1;
        await syncDescriptor(await this.#fd);
        round.resolve();
      } catch (cause) {
        this.#fd = null; // a descriptor that failed once is not asked again
        round.reject(new Error('folder could not be synced', { cause }));
      }
    }
    this.#running = false;
  }
}
