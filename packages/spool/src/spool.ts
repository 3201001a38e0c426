import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Logger } from '@sallyport/log';
import { bufferContent, parseQueueId, type QueueId } from '@sallyport/mail';
import type { BlobReader, BlobStore } from './blob-store.ts';
import { SpoolCorruptError, SpoolKeyError } from './errors.ts';
import { FolderBlobStore } from './folder-store.ts';
import { encodeHeader, type QueueFileHeader, type SpoolReader } from './header.ts';
import { formatPrefix, openBody, type Prefix, readPrefix, sealedContent } from './reader.ts';
import {
  importPrivateKey,
  importPublicKey,
  type ReaderPrivateKey,
  type ReaderPublicKey,
} from './reader-keys.ts';
import { CHUNK_BYTES, deriveFileKey, ReaderAgreements, SenderAgreements } from './seal.ts';
import {
  type Corrupt,
  type Gone,
  type Readable,
  type ReadableHeader,
  SPOOL_FOLDERS,
  type SpoolFolder,
  type SpoolHeaderRead,
  type SpoolOptions,
  type SpoolRead,
} from './spool-types.ts';
import { StateFiles } from './state-files.ts';
import { SpoolWriter } from './writer.ts';

const DEFAULT_RESERVE_BYTES = 64 * 1024 * 1024;
/** Free space is looked at this often; the reserve is there for what comes in between. */
const FREE_KNOWN_MS = 500;
const MAX_SAME_NAME = 100;
/** Nobody takes this long between two writes of one file. */
const LEFT_OVER_MS = 10 * 60_000;
/** The times of files are those of the kernel's last tick, and so a little in the past. */
const CLOCK_GRAIN_MS = 20;

/** The sealed queue files of one gateway. */
export class Spool {
  readonly #store: BlobStore;
  readonly #logger: Logger;
  readonly #reserveBytes: number;
  readonly #publicKeys = new Map<SpoolReader, ReaderPublicKey>();
  readonly #privateKeys: readonly ReaderPrivateKey[];
  readonly #senders = new SenderAgreements();
  readonly #readers = new ReaderAgreements();
  readonly #states: StateFiles;
  readonly #unsynced = new Set<string>();
  readonly #openedAt = Date.now() - CLOCK_GRAIN_MS;
  #freeBytes = 0;
  #freeAt = Number.NEGATIVE_INFINITY;

  private constructor(options: SpoolOptions, store: BlobStore) {
    this.#store = store;
    this.#states = new StateFiles(store);
    this.#logger = options.logger;
    this.#reserveBytes = options.reserveBytes ?? DEFAULT_RESERVE_BYTES;
    for (const name of ['worker', 'egress'] as const) {
      const pem = options.readerKeys[name];
      if (pem !== undefined) this.#publicKeys.set(name, importPublicKey(name, pem));
    }
    const own = options.privateKey;
    this.#privateKeys =
      own === undefined
        ? []
        : [own.pem, ...(own.retired ?? [])].map((pem) => importPrivateKey(own.name, pem));
  }

  /**
   * Opens the spool, making its folders where they are missing.
   *
   * @throws TypeError for a key that is not X25519; Error if the folders lie on two filesystems.
   */
  static async open(options: SpoolOptions): Promise<Spool> {
    const store =
      options.store ??
      new FolderBlobStore({ root: options.folder, folders: SPOOL_FOLDERS, disposable: ['tmp'] });
    if (options.store === undefined) assertOneFilesystem(options.folder);
    return new Spool(options, store);
  }

  /**
   * Starts a queue file that only `reader` can open.
   *
   * @throws SpoolKeyError without that reader's public key; RangeError if the header is too long.
   */
  async create(folder: 'tmp', header: QueueFileHeader, reader: SpoolReader): Promise<SpoolWriter> {
    const key = this.#publicKeys.get(reader);
    if (key === undefined) throw new SpoolKeyError(`no public key of spool reader ${reader}`);
    const nonce = randomBytes(16).toString('hex');
    const headerBytes = encodeHeader(header, { reader, keyId: key.keyId, nonce });
    const agreement = this.#senders.next(key);
    return new SpoolWriter({
      blob: this.#store.create(folder, header.id),
      file: deriveFileKey(agreement, headerBytes),
      prefix: formatPrefix(headerBytes, agreement.ephemeral),
      finished: (syncNow) => {
        if (!syncNow) this.#unsynced.add(`${folder}/${header.id}`);
      },
    });
  }

  /**
   * Moves a finished file with its state to another folder; on disk when it resolves.
   * Doing it again after a crash is no fault.
   *
   * @throws Error if the file is in neither folder.
   */
  async commit(id: QueueId, from: SpoolFolder, to: SpoolFolder): Promise<void> {
    const place = `${from}/${id}`;
    if (this.#unsynced.has(place)) {
      await this.#store.sync(from, id);
      this.#unsynced.delete(place);
    }
    // State first: a file without its state would be delivered to all recipients once more.
    if (from !== 'tmp') await this.#states.move(id, from, to);
    const moved = await this.#store.move({ name: id, from, to, replace: true });
    if (moved === 'gone' && (await this.#store.changedAt(to, id)) === null) {
      throw new Error(`queue file ${id} is neither in ${from} nor in ${to}`);
    }
  }

  /**
   * Opens a file and authenticates it whole; a body of more than one chunk is then read again
   * and checked again each time the content is opened.
   *
   * @throws SpoolKeyError if it is sealed to a reader or key that this process does not hold.
   */
  async read(folder: SpoolFolder, id: QueueId): Promise<SpoolRead> {
    return this.#withBlob<Readable>(folder, id, async (blob, prefix) => {
      const file = deriveFileKeyFor(prefix, this.#keyFor(prefix), this.#readers);
      if (file === null) return { kind: 'corrupt', reason: 'ephemeral key is not usable' };
      let first: Buffer | null = null;
      for await (const chunk of openBody(blob, prefix, file)) first ??= chunk;
      const content =
        prefix.layout.plainBytes <= CHUNK_BYTES
          ? bufferContent(first ?? Buffer.alloc(0))
          : sealedContent({ reopen: () => this.#store.get(folder, id), prefix, file });
      return { kind: 'ok', header: prefix.header, content };
    });
  }

  /** Reads the clear part only. It is not authenticated: for lists and schedules, not for decisions. */
  async readHeader(folder: SpoolFolder, id: QueueId): Promise<SpoolHeaderRead> {
    return this.#withBlob<ReadableHeader>(folder, id, (_blob, { header, layout }) =>
      Promise.resolve({ kind: 'ok', header, sizeBytes: layout.plainBytes }),
    );
  }

  /** The delivery state beside a file; null if none was written. @throws SpoolCorruptError if it is no JSON. */
  readState(folder: SpoolFolder, id: QueueId): Promise<unknown> {
    return this.#states.read(folder, id);
  }

  /** Replaces the delivery state; a crash leaves the old or the new one. On disk when it resolves. */
  writeState(folder: SpoolFolder, id: QueueId, state: unknown): Promise<void> {
    return this.#states.write(folder, id, state);
  }

  /**
   * Removes a file that is done with, then its state. A crash may bring the file back, never
   * without its state.
   */
  async remove(folder: SpoolFolder, id: QueueId): Promise<boolean> {
    this.#unsynced.delete(`${folder}/${id}`);
    const removed = await this.#store.delete(folder, id);
    await this.#states.remove(folder, id);
    return removed;
  }

  /** The ids in a folder, in no order, in bounded memory. */
  async *list(folder: SpoolFolder): AsyncIterable<QueueId> {
    for await (const name of this.#store.list(folder)) {
      const id = parseQueueId(name);
      if (id !== null) yield id;
    }
  }

  /** Removes everything from `tmp`: nobody was given a reply for it. Only at start. */
  async emptyTmp(): Promise<number> {
    let count = 0;
    for await (const name of this.#store.list('tmp')) {
      if (await this.#store.delete('tmp', name)) count += 1;
    }
    return count;
  }

  /**
   * Makes the name in `tmp` free for work that is done again under the same id (`childQueueId`):
   * removes what a process that was killed left there. What another process may still be writing
   * stays, and `create` then says that the name is taken.
   */
  async discardLeftOver(id: QueueId): Promise<void> {
    const changedAt = await this.#store.changedAt('tmp', id);
    if (changedAt === null) return;
    const before = Math.max(this.#openedAt, Date.now() - LEFT_OVER_MS);
    if (changedAt.getTime() < before) await this.#store.delete('tmp', id);
  }

  /** Removes states without a file and half-written states that were last touched before `before`. */
  collect(folder: SpoolFolder, before: Date): Promise<number> {
    return this.#states.collect(folder, before);
  }

  /**
   * Sets a file aside in `corrupt`, with its state and a note why. Deletes nothing: where the name
   * is taken there, it gets the next free one.
   *
   * @returns the name it has there, or null if there was no such file.
   */
  async quarantine(folder: SpoolFolder, id: QueueId, reason: string): Promise<string | null> {
    this.#unsynced.delete(`${folder}/${id}`);
    for (let number = 1; number <= MAX_SAME_NAME; number += 1) {
      const target = number === 1 ? id : `${id}.${number}`;
      const moved = await this.#store.move({
        name: id,
        from: folder,
        to: 'corrupt',
        target,
        replace: false,
      });
      if (moved === 'gone') return null;
      if (moved === 'exists') continue;
      const note = Buffer.from(`${JSON.stringify({ id, folder, reason })}\n`);
      await this.#store.putAtomically('corrupt', `${target}.reason`, note);
      await this.#states.move(id, folder, 'corrupt', target);
      this.#logger.error('queue-file.quarantined', { queueId: id, folder, reason });
      return target;
    }
    throw new Error(`corrupt already holds ${MAX_SAME_NAME} files of ${id}`);
  }

  /** False if storing that many bytes would eat into the reserve: then the reply is `spool-full`. */
  async hasRoomFor(sizeBytes: number): Promise<boolean> {
    const now = performance.now();
    if (now - this.#freeAt > FREE_KNOWN_MS) {
      this.#freeBytes = await this.#store.freeBytes();
      this.#freeAt = now;
    }
    return this.#freeBytes - sizeBytes >= this.#reserveBytes;
  }

  /** Gives the folders back. Files that are being written must be finished before. */
  close(): Promise<void> {
    return this.#store.close();
  }

  async #withBlob<Ok extends { readonly kind: 'ok' }>(
    folder: SpoolFolder,
    id: QueueId,
    use: (blob: BlobReader, prefix: Prefix) => Promise<Ok | Corrupt>,
  ): Promise<Ok | Gone | Corrupt> {
    const blob = await this.#store.get(folder, id);
    if (blob === null) return { kind: 'gone' };
    try {
      const read = await readPrefix(blob);
      if (read.kind === 'corrupt') return read;
      if (read.prefix.header.id !== id) {
        return { kind: 'corrupt', reason: 'file has the name of another message' };
      }
      return await use(blob, read.prefix);
    } catch (error) {
      if (error instanceof SpoolCorruptError) return { kind: 'corrupt', reason: error.message };
      throw error;
    } finally {
      blob.close();
    }
  }

  #keyFor(prefix: Prefix): ReaderPrivateKey {
    const { reader, keyId } = prefix.seal;
    const key = this.#privateKeys.find((own) => own.name === reader && own.keyId === keyId);
    // Calling the file corrupt here would set the whole queue aside after a wrong key file.
    if (key === undefined) {
      throw new SpoolKeyError(`queue file is sealed to key ${keyId} of ${reader}, not held here`);
    }
    return key;
  }
}

function deriveFileKeyFor(prefix: Prefix, key: ReaderPrivateKey, readers: ReaderAgreements) {
  const agreement = readers.with(prefix.ephemeral, key);
  return agreement === null ? null : deriveFileKey(agreement, prefix.headerBytes);
}

function assertOneFilesystem(folder: string): void {
  const devices = new Set(SPOOL_FOLDERS.map((name) => statSync(`${folder}/${name}`).dev));
  if (devices.size > 1)
    throw new Error('spool folders must lie on one filesystem: a commit is a rename');
}
