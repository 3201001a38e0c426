/**
 * The seam below the spool: named blobs in named folders.
 *
 * The folder driver keeps them as files. A store that several hosts share implements the same
 * interface; whatever it promises as done must survive the loss of power.
 */
export interface BlobStore {
  /** Starts a new blob; fails later if the name is taken. Nothing is stored before the first append. */
  create(folder: string, name: string): BlobWriter;
  /** Stores or replaces a small blob: a reader sees the old bytes or the new, whole. Durable. */
  putAtomically(folder: string, name: string, bytes: Uint8Array): Promise<void>;
  /** @returns null if there is no such blob. */
  get(folder: string, name: string): Promise<BlobReader | null>;
  /** Makes a finished blob durable that was finished without it. */
  sync(folder: string, name: string): Promise<void>;
  /** Moves a blob to another folder in one step. Durable. */
  move(request: BlobMove): Promise<'moved' | 'gone' | 'exists'>;
  /** @returns false if there was none. Not durable: after a crash the blob may be back. */
  delete(folder: string, name: string): Promise<boolean>;
  /** The names in a folder, in no order, in bounded memory. */
  list(folder: string): AsyncIterable<string>;
  /** When the blob came to be or was last moved or changed; null if there is none. */
  changedAt(folder: string, name: string): Promise<Date | null>;
  /** Bytes that can still be stored. */
  freeBytes(): Promise<number>;
  close(): Promise<void>;
}

export interface BlobMove {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** The name in the new folder, if it is to be another. */
  readonly target?: string;
  /** With false, a blob that stands there already is kept and the answer is `exists`. */
  readonly replace: boolean;
}

/** One new blob. */
export interface BlobWriter {
  /** Appends the parts in order. */
  append(parts: readonly Uint8Array[]): Promise<void>;
  /** Ends the blob; with `syncNow` its bytes are on disk afterwards (its name is after a move). */
  finish(options: { readonly syncNow: boolean }): Promise<void>;
  /** Takes everything back. Never fails. */
  abort(): Promise<void>;
}

/** One blob being read. */
export interface BlobReader {
  readonly sizeBytes: number;
  /** Exactly `length` bytes, fewer only where the blob ends. */
  readAt(offset: number, length: number): Promise<Buffer>;
  close(): void;
}
