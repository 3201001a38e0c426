import { existsSync } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '@sallyport/disk';

const SLOTS = 64;
const PROBES = 2;
const IDLE_MS = 2_000;

/**
 * Files that are done with and wait to become new ones.
 *
 * ext4 gives no inode away that was freed within the last minutes, and looks at each of them at
 * every new file: a spool that makes and removes files all day spends more time there than in
 * encrypting. So a file that is done with takes one of a few names in `tmp`, from where any
 * process of the gateway takes it by one rename, which no two can win; whoever takes it empties
 * it before it writes. After a loss of power the journal's order holds: blocks that were freed are
 * not written again before the name that they had is gone for good.
 *
 * What nobody takes within two seconds of rest is removed.
 */
export class SpareFiles {
  readonly #folder: string;
  #kept = 0;
  #taken = 0;
  #sweep: NodeJS.Timeout | null = null;

  /** `folder` is emptied at start. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Removes the file; its inode stays for the next one. @returns false if there was none. */
  async keep(path: string): Promise<boolean> {
    this.#kept = this.#next(this.#kept, (slot) => !existsSync(slot));
    try {
      await rename(path, this.#slot(this.#kept));
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return false;
      throw error;
    }
    this.#sweepLater();
    return true;
  }

  /** Gives a spare the name; it still holds its old bytes. @returns false if there is none. */
  async take(path: string): Promise<boolean> {
    this.#taken = this.#next(this.#taken, existsSync);
    const slot = this.#slot(this.#taken);
    // rename(2) would replace a file that has the name already.
    if (!existsSync(slot) || existsSync(path)) return false;
    try {
      await rename(slot, path);
      return true;
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return false; // somebody else was quicker
      throw error;
    }
  }

  /** Removes every spare. Never fails: what stays is removed at the next start. */
  async removeAll(): Promise<void> {
    if (this.#sweep === null) return; // another process's spares are its own to remove
    clearTimeout(this.#sweep);
    this.#sweep = null;
    for (let index = 0; index < SLOTS; index += 1) {
      const slot = this.#slot(index);
      if (existsSync(slot)) await unlink(slot).catch(() => undefined);
    }
  }

  #sweepLater(): void {
    if (this.#sweep !== null) {
      this.#sweep.refresh();
      return;
    }
    this.#sweep = setTimeout(() => void this.removeAll(), IDLE_MS);
    this.#sweep.unref();
  }

  /** The first of the next few slots that fits, or the last that was looked at. */
  #next(from: number, fits: (slot: string) => boolean): number {
    let index = from;
    for (let probe = 0; probe < PROBES; probe += 1) {
      index = (index + 1) % SLOTS;
      if (fits(this.#slot(index))) break;
    }
    return index;
  }

  #slot(index: number): string {
    return join(this.#folder, `spare-${index}`);
  }
}
