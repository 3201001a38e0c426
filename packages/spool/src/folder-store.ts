import { closeSync, type Dirent, existsSync, fstatSync, mkdirSync, statSync } from 'node:fs';
import { type FileHandle, link, opendir, rename, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '@sallyport/disk';
import type { BlobMove, BlobReader, BlobStore, BlobWriter } from './blob-store.ts';
import {
  FOLDER_MODE,
  openForReading,
  openForSync,
  openNew,
  readAt,
  readAtOnce,
  writeAll,
  writeNew,
} from './file-calls.ts';
import { FolderSync } from './folder-sync.ts';
import { SpareFiles } from './spare-files.ts';

const LIST_BATCH = 512;
const WARM_MS = 30_000;
const WARM_BYTES = 256 * 1024;
/** Longer files are removed at once: a spare holds its blocks until it is taken. */
const SPARE_BYTES = 256 * 1024;

/** Blobs as files of one filesystem, folders 0700 and files 0600. */
export class FolderBlobStore implements BlobStore {
  readonly #root: string;
  readonly #syncs = new Map<string, FolderSync>();
  readonly #disposable: ReadonlySet<string>;
  readonly #spares: SpareFiles | null;
  #putCount = 0;

  /**
   * `disposable` folders are emptied at start, so what leaves them need not be synced there; the
   * first of them also holds the spare files.
   */
  constructor(options: {
    readonly root: string;
    readonly folders: readonly string[];
    readonly disposable: readonly string[];
  }) {
    this.#root = options.root;
    this.#disposable = new Set(options.disposable);
    const [first] = options.disposable;
    this.#spares = first === undefined ? null : new SpareFiles(join(options.root, first));
    for (const folder of options.folders) {
      const path = join(options.root, folder);
      // A process that may not write there opens the spool all the same.
      if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
      this.#syncs.set(folder, new FolderSync(path));
    }
  }

  create(folder: string, name: string): BlobWriter {
    return new FileWriter(join(this.#root, folder, name), this.#spares);
  }

  async putAtomically(folder: string, name: string, bytes: Uint8Array): Promise<void> {
    this.#putCount += 1;
    const path = join(this.#root, folder, name);
    const temporary = `${path}.${process.pid}-${this.#putCount}.tmp`;
    const writer = new FileWriter(temporary, null);
    try {
      await writer.append([bytes]);
      await writer.finish({ syncNow: true });
      await rename(temporary, path);
    } catch (error) {
      await writer.abort();
      throw error;
    }
    await this.#syncFolder(folder);
  }

  async get(folder: string, name: string): Promise<BlobReader | null> {
    const path = join(this.#root, folder, name);
    // A look at the folder is cheaper here than a trip through the thread pool, and most states
    // that are asked for are not there.
    if (!existsSync(path)) return null;
    let fd: number;
    try {
      fd = openForReading(path);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return null;
      throw error;
    }
    // The inode is in memory once the file is open, and closing a file that was only read waits
    // for nothing.
    const { size, mtimeMs } = fstatSync(fd);
    // What was written a moment ago is in memory too; all else is read off the loop.
    const isWarm = Math.abs(Date.now() - mtimeMs) < WARM_MS && size <= WARM_BYTES;
    return {
      sizeBytes: size,
      readAt: (offset, length) =>
        isWarm ? Promise.resolve(readAtOnce(fd, offset, length)) : readAt(fd, offset, length),
      close: () => closeSync(fd),
    };
  }

  async sync(folder: string, name: string): Promise<void> {
    const file = await openForSync(join(this.#root, folder, name));
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async move(request: BlobMove): Promise<'moved' | 'gone' | 'exists'> {
    const source = join(this.#root, request.from, request.name);
    const target = join(this.#root, request.to, request.target ?? request.name);
    if (!existsSync(source)) return 'gone';
    try {
      if (request.replace) await rename(source, target);
      else await moveWithoutReplacing(source, target);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return 'gone';
      if (isSystemError(error, 'EEXIST')) return 'exists';
      throw error;
    }
    const folders = [request.to, request.from].filter(
      (folder, index) => index === 0 || !this.#disposable.has(folder),
    );
    await Promise.all(folders.map((folder) => this.#syncFolder(folder)));
    return 'moved';
  }

  async delete(folder: string, name: string): Promise<boolean> {
    const path = join(this.#root, folder, name);
    if (!existsSync(path)) return false;
    if (this.#spares !== null && !this.#disposable.has(folder) && isSpare(path)) {
      return await this.#spares.keep(path);
    }
    try {
      await unlink(path);
      return true;
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return false;
      throw error;
    }
  }

  async *list(folder: string): AsyncIterable<string> {
    const handle = await opendir(join(this.#root, folder), { bufferSize: LIST_BATCH });
    try {
      // One read off the loop takes in a batch; the rest of it is then there without waiting.
      for (let first = await handle.read(); first !== null; first = await handle.read()) {
        let entry: Dirent | null = first;
        for (let n = 1; entry !== null && n <= LIST_BATCH; n += 1) {
          if (entry.isFile()) yield entry.name;
          entry = n < LIST_BATCH ? handle.readSync() : null;
        }
      }
    } finally {
      await handle.close();
    }
  }

  async changedAt(folder: string, name: string): Promise<Date | null> {
    const path = join(this.#root, folder, name);
    if (!existsSync(path)) return null;
    return statSync(path, { throwIfNoEntry: false })?.ctime ?? null;
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize, ffree, files } = await statfs(this.#root);
    // A filesystem with no inode left stores nothing, however many bytes are free.
    return files > 0 && ffree === 0 ? 0 : bavail * bsize;
  }

  /** Syncs of a folder so far; for tests. */
  syncRounds(folder: string): number {
    return this.#syncs.get(folder)?.rounds ?? 0;
  }

  async close(): Promise<void> {
    await this.#spares?.removeAll();
    await Promise.all([...this.#syncs.values()].map((sync) => sync.close()));
  }

  async #syncFolder(folder: string): Promise<void> {
    const sync = this.#syncs.get(folder);
    if (sync === undefined) throw new Error(`no such folder: ${folder}`);
    await sync.sync();
  }
}

/** A second name, left by a crash within a move, is another file's only one: its bytes must stay. */
function isSpare(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.nlink === 1 && found.size <= SPARE_BYTES;
}

/** link(2) never replaces; rename(2) does. A crash between the two leaves both names, which loses nothing. */
async function moveWithoutReplacing(source: string, target: string): Promise<void> {
  await link(source, target);
  await unlink(source);
}

/**
 * A file that is written in one piece costs one trip to the thread pool: opened with O_DSYNC, its
 * one write returns when bytes and length are on disk. A longer one is written as it comes, and synced.
 */
class FileWriter implements BlobWriter {
  readonly #path: string;
  readonly #spares: SpareFiles | null;
  #file: FileHandle | null = null;
  #pending: readonly Uint8Array[] | null = null;
  #isOurs = false;

  constructor(path: string, spares: SpareFiles | null) {
    this.#path = path;
    this.#spares = spares;
  }

  async append(parts: readonly Uint8Array[]): Promise<void> {
    if (this.#file === null && this.#pending === null) {
      this.#pending = parts;
      return;
    }
    await writeAll(await this.#open(), parts);
  }

  async finish(options: { readonly syncNow: boolean }): Promise<void> {
    if (this.#pending !== null) {
      const parts = this.#pending;
      this.#pending = null;
      const isSpare = this.#spares !== null && (await this.#spares.take(this.#path));
      if (isSpare) this.#isOurs = true;
      // The name is ours from the moment that it is made, whatever becomes of the write.
      await writeNew(this.#path, parts, { ...options, isSpare }, () => {
        this.#isOurs = true;
      });
      return;
    }
    const file = await this.#open();
    if (options.syncNow) await file.sync();
    await this.#close();
  }

  async abort(): Promise<void> {
    await this.#close();
    // A name that was taken before us is not ours to take back.
    if (!this.#isOurs) return;
    this.#isOurs = false;
    await unlink(this.#path).catch(() => undefined); // what stays is found by the next sweep
  }

  async #open(): Promise<FileHandle> {
    if (this.#file === null) {
      this.#file = await openNew(this.#path);
      this.#isOurs = true;
      const parts = this.#pending ?? [];
      this.#pending = null;
      await writeAll(this.#file, parts);
    }
    return this.#file;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }
}
