import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { replaceFile } from '@sallyport/disk';

/** To look for the oldest costs a walk: from so many files on, a twentieth goes at once. */
const MANY = 1_000;

/**
 * Small files of one folder, each replaced as a whole: written, synced, renamed. Of each prefix of
 * file names only so many are kept; those that were not written for the longest time go first.
 */
export class BoundedFolder {
  readonly #folder: string;
  readonly #maxFiles: Readonly<Record<string, number>>;

  /** `maxFiles` by the prefix that names start with. */
  constructor(folder: string, maxFiles: Readonly<Record<string, number>>) {
    this.#folder = folder;
    this.#maxFiles = maxFiles;
  }

  /**
   * @param path of a file in this folder.
   * @returns paths of files that had to go.
   * @throws if the disk does not take it.
   */
  async write(path: string, text: string): Promise<readonly string[]> {
    const isNew = (await stat(path).catch(() => null)) === null;
    const gone = isNew ? await this.#makeRoom(basename(path)) : [];
    await replaceFile(path, text, 0o640);
    return gone;
  }

  async #makeRoom(name: string): Promise<readonly string[]> {
    const [prefix, max] =
      Object.entries(this.#maxFiles).find(([one]) => name.startsWith(one)) ?? [];
    if (prefix === undefined || max === undefined) throw new Error(`no bound for ${name}`);
    const names = (await readdir(this.#folder)).filter((one) => one.startsWith(prefix));
    if (names.length < max) return [];
    const files = await Promise.all(
      names.map(async (one) => {
        const at = join(this.#folder, one);
        return { at, time: (await stat(at).catch(() => null))?.mtimeMs ?? 0 };
      }),
    );
    files.sort((a, b) => a.time - b.time);
    const share = max > MANY ? Math.floor(max / 20) : 0;
    const gone = files.slice(0, files.length - max + 1 + share).map(({ at }) => at);
    for (const at of gone) await rm(at, { force: true });
    return gone;
  }
}
