import type { BlobWriter } from './blob-store.ts';
import { bytesPassed } from './collect-garbage.ts';
import { CHUNK_BYTES, type FileKey, sealChunk } from './seal.ts';

const FIRST_BUFFER_BYTES = 16 * 1024;

/**
 * Writes the body of one queue file.
 *
 * Plaintext waits in memory until a whole chunk is there and more follows, so that a small message
 * is one open, one write and one sync.
 */
export class SpoolWriter {
  readonly #blob: BlobWriter;
  readonly #file: FileKey;
  #prefix: Buffer | null;
  #buffer: Buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES);
  #filled = 0;
  #index = 0;
  #plainBytes = 0;
  #state: 'open' | 'finished' | 'aborted' = 'open';
  readonly #finished: (syncNow: boolean) => void;

  /** For `Spool.create`; `prefix` is everything that stands before the first chunk. */
  constructor(options: {
    readonly blob: BlobWriter;
    readonly file: FileKey;
    readonly prefix: Buffer;
    readonly finished: (syncNow: boolean) => void;
  }) {
    this.#blob = options.blob;
    this.#file = options.file;
    this.#prefix = options.prefix;
    this.#finished = options.finished;
  }

  /** Plaintext bytes written so far. */
  get sizeBytes(): number {
    return this.#plainBytes;
  }

  /**
   * Adds bytes to the body; the chunk may be used again once the call has resolved.
   *
   * @throws Error of the store; the caller then aborts.
   */
  async write(chunk: Uint8Array): Promise<void> {
    this.#assertOpen();
    this.#plainBytes += chunk.length;
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#filled === CHUNK_BYTES) await this.#flush(false);
      const count = Math.min(rest.length, CHUNK_BYTES - this.#filled);
      this.#reserve(this.#filled + count);
      this.#buffer.set(rest.subarray(0, count), this.#filled);
      this.#filled += count;
      rest = rest.subarray(count);
    }
  }

  /**
   * Ends the body. With `syncNow` (the default) it is on disk when this resolves; without,
   * `commit` of the same `Spool` syncs it first.
   */
  async finish(options: { readonly syncNow?: boolean } = {}): Promise<void> {
    this.#assertOpen();
    const syncNow = options.syncNow ?? true;
    await this.#flush(true);
    await this.#blob.finish({ syncNow });
    this.#state = 'finished';
    this.#finished(syncNow);
  }

  /** Takes the file back, at any time before it is committed. Never throws. */
  async abort(): Promise<void> {
    this.#state = 'aborted';
    this.#buffer = Buffer.alloc(0);
    await this.#blob.abort();
  }

  #assertOpen(): void {
    if (this.#state !== 'open') throw new Error(`queue file is already ${this.#state}`);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.#buffer.copy(larger, 0, 0, this.#filled);
    this.#buffer = larger;
  }

  async #flush(isLast: boolean): Promise<void> {
    const plain = this.#buffer.subarray(0, this.#filled);
    const sealed = sealChunk(this.#file, { index: this.#index, isLast }, plain);
    const parts = this.#prefix === null ? sealed : [this.#prefix, ...sealed];
    this.#prefix = null;
    bytesPassed(plain.length, this.#index * CHUNK_BYTES);
    this.#index += 1;
    this.#filled = 0;
    await this.#blob.append(parts);
  }
}
