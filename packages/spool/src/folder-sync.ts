import type { FileHandle } from 'node:fs/promises';
import { openFolder } from './file-calls.ts';

/**
 * Group commit for one folder: changes that are asked to be durable while a sync runs share the next.
 *
 * A sync that already runs may have missed a change made after it began, so it never serves one.
 */
export class FolderSync {
  readonly #path: string;
  #folder: Promise<FileHandle> | null = null;
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
    const folder = this.#folder;
    this.#folder = null;
    if (folder !== null) await (await folder).close();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let round = this.#next; round !== null; round = this.#next) {
      this.#next = null;
      try {
        this.#folder ??= openFolder(this.#path);
        this.rounds += 1;
        await (await this.#folder).sync();
        round.resolve();
      } catch (cause) {
        this.#folder = null; // a descriptor that failed once is not asked again
        round.reject(new Error('folder could not be synced', { cause }));
      }
    }
    this.#running = false;
  }
}
