import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSystemError, syncFolder } from '@sallyport/disk';
import { formatRecord, type UserCertificate } from './record.ts';
import { certificatesFile, UserCertificates } from './user-certificates.ts';

/** Written and synchronised together. A kill loses at most so many, and the next import has them again. */
const BATCH_RECORDS = 500;
const BATCH_BYTES = 1024 * 1024;

/** What became of a certificate: in force anew, there already, or older than the one in force. */
export type AddOutcome = 'added' | 'replaced' | 'known' | 'older';

/** Another process writes to the store. */
export class StoreBusy extends Error {
  override readonly name = 'StoreBusy';
}

/** Appends to the users' certificates; one writer at a time. */
export class UserCertificateWriter {
  readonly #folder: string;
  #file: FileHandle;
  readonly #lock: string;
  readonly #known: UserCertificates;
  #batch: Buffer[] = [];
  #batchBytes = 0;
  #end: number;
  readonly #inBatch = new Set<string>();

  private constructor(opened: {
    readonly folder: string;
    readonly file: FileHandle;
    readonly lock: string;
    readonly known: UserCertificates;
  }) {
    this.#folder = opened.folder;
    this.#file = opened.file;
    this.#lock = opened.lock;
    this.#known = opened.known;
    this.#end = opened.known.end;
  }

  /**
   * Opens the store for writing, makes it if it is not there, and cuts off a line that a crash tore.
   *
   * @throws StoreBusy if another process has it open.
   */
  static async open(folder: string): Promise<UserCertificateWriter> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const lock = join(folder, 'writer');
    await takeLock(lock);
    try {
      const file = await open(certificatesFile(folder), 'a', 0o644);
      await syncFolder(folder);
      await syncFolder(dirname(folder));
      const known = new UserCertificates(folder);
      await known.refresh();
      await file.truncate(known.end);
      await file.sync();
      return new UserCertificateWriter({ folder, file, lock, known });
    } catch (error) {
      await rm(lock, { force: true });
      throw error;
    }
  }

  /** Lines that cannot be read: their certificates are not published, and are taken again. */
  get damaged(): number {
    return this.#known.damaged;
  }

  /** Appends a certificate unless each of its addresses has it, or a newer one for the same use. */
  async add(certificate: UserCertificate): Promise<AddOutcome> {
    await this.#settle(certificate.mail);
    const found = { fresh: 0, newer: 0, same: 0 };
    for (const address of certificate.mail) {
      const current = (await this.#known.ofAddress(address)).find(
        ({ use }) => use === certificate.use,
      );
      if (current === undefined) found.fresh += 1;
      else if (current.der.equals(certificate.der)) found.same += 1;
      else if (current.notBefore < certificate.notBefore) found.newer += 1;
    }
    if (found.fresh + found.newer === 0) return found.same > 0 ? 'known' : 'older';
    await this.#append(formatRecord(certificate), certificate.mail);
    return found.newer > 0 ? 'replaced' : 'added';
  }

  /** From now on nothing is published for the address. False if nothing was. */
  async remove(address: string, at: Date): Promise<boolean> {
    await this.#settle([address]);
    if ((await this.#known.ofAddress(address)).length === 0) return false;
    await this.#append(formatRecord({ kind: 'removal', mail: [address], at }), [address]);
    return true;
  }

  /** On disk when it resolves, whatever was added so far. */
  async flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const bytes = Buffer.concat(this.#batch);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#inBatch.clear();
    await this.#file.writeFile(bytes);
    await this.#file.sync();
    this.#end += bytes.length;
    await this.#known.refresh();
    if (this.#known.end !== this.#end) throw new Error('the store changed under its writer');
  }

  /**
   * Writes the store anew without what was replaced or removed. Readers have the old file or the
   * new one. Returns the records before and after.
   */
  async compact(): Promise<{ readonly before: number; readonly after: number }> {
    await this.flush();
    const before = this.#known.records;
    const temporary = `${certificatesFile(this.#folder)}.new`;
    const file = await open(temporary, 'w', 0o644);
    try {
      for await (const certificate of this.#known.all()) {
        await file.writeFile(formatRecord(certificate));
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, certificatesFile(this.#folder));
    await syncFolder(this.#folder);
    await this.#file.close();
    this.#file = await open(certificatesFile(this.#folder), 'a', 0o644);
    await this.#known.refresh();
    this.#end = this.#known.end;
    return { before, after: this.#known.records };
  }

  /** Flushes and lets others write. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#file.close();
      await this.#known.close();
      await rm(this.#lock, { force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #append(line: Buffer, addresses: readonly string[]): Promise<void> {
    this.#batch.push(line);
    this.#batchBytes += line.length;
    for (const address of addresses) this.#inBatch.add(address);
    const isFull = this.#batch.length >= BATCH_RECORDS || this.#batchBytes >= BATCH_BYTES;
    if (isFull) await this.flush();
  }

  /** What is still in the batch is not in the index. */
  async #settle(addresses: readonly string[]): Promise<void> {
    if (addresses.some((address) => this.#inBatch.has(address))) await this.flush();
  }
}

async function takeLock(path: string): Promise<void> {
  for (const isLast of [false, true]) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(`${process.pid}\n`);
      await file.close();
      return;
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error;
      const owner = Number((await readFile(path, 'utf8').catch(() => '')).trim());
      if (isLast || isAlive(owner)) throw new StoreBusy(`process ${owner} writes to the store`);
      await rm(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isSystemError(error, 'EPERM');
  }
}
