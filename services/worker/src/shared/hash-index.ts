import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifGone } from '@sallyport/disk';
import type { Clock } from '@sallyport/mail';

const ENTRY_BYTES = 32;
const KEY_BYTES = 16;
const DAY_MS = 86_400_000;
const MAX_ENTRIES_A_DAY = 2_000_000;
const MAX_IN_MEMORY = 500_000;
const READ_BYTES = ENTRY_BYTES * 32_768;

/**
 * A durable, bounded set of hashed pairs: one append-only file a day, the oldest removed.
 * It holds no text that could be read back.
 */
export class HashIndex {
  readonly #folder: string;
  readonly #name: string;
  readonly #days: number;
  readonly #clock: Clock;
  readonly #groupMs: number;
  readonly #seen = new Map<string, string>();
  /** How much of each file was read: a stranger's question must not cost the whole again. */
  readonly #readBytes = new Map<string, number>();
  #loading: Promise<void> | null = null;
  #loadedDay = '';
  #waiting: Buffer[] = [];
  #next: Promise<void> | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly folder: string;
    readonly name: string;
    readonly days: number;
    readonly clock: Clock;
    /** How long entries wait for others, so that one write serves them all; 0 if left out. */
    readonly groupMs?: number;
  }) {
    this.#folder = options.folder;
    this.#name = options.name;
    this.#days = options.days;
    this.#clock = options.clock;
    this.#groupMs = options.groupMs ?? 0;
  }

  /** Reads the days that are kept. Call once before use. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.#load();
  }

  /**
   * Remembers `key` with `value` unless the key is there; on disk when it resolves.
   *
   * @returns whether the key was new, was there with the same value, or with another one.
   */
  async add(key: Buffer, value: Buffer): Promise<'new' | 'same' | 'other'> {
    const [keyHash, valueHash] = [hash(key), hash(value)];
    const known = this.#seen.get(keyHash);
    if (known !== undefined) return known === valueHash ? 'same' : 'other';
    this.#remember(keyHash, valueHash);
    if (this.#loadedDay !== this.#today()) await this.#load();
    try {
      await this.#append(Buffer.from(keyHash + valueHash, 'hex'));
    } catch (error) {
      this.#seen.delete(keyHash);
      throw error;
    }
    return 'new';
  }

  /** True if the key was added by any process that writes here; reads what is new in the files. */
  async has(key: Buffer): Promise<boolean> {
    const wanted = hash(key);
    if (this.#seen.has(wanted)) return true;
    await this.#load();
    return this.#seen.has(wanted);
  }

  /** Entries that come while the disk is busy go to it together. */
  async #append(entry: Buffer): Promise<void> {
    this.#waiting.push(entry);
    this.#next ??= this.#writing
      .catch(() => undefined) // told to those whose entries they were
      .then(() => (this.#groupMs === 0 ? undefined : sleep(this.#groupMs)))
      .then(() => {
        const entries = Buffer.concat(this.#waiting);
        this.#waiting = [];
        this.#next = null;
        this.#writing = this.#appendAll(entries);
        return this.#writing;
      });
    await this.#next;
  }

  async #appendAll(entries: Buffer): Promise<void> {
    const file = await open(this.#path(this.#today()), 'a', 0o600);
    try {
      // A crash may have left half an entry; everything after it would be read askew.
      const torn = (await file.stat()).size % ENTRY_BYTES;
      if (torn > 0) await file.truncate((await file.stat()).size - torn);
      await file.write(entries);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #load(): Promise<void> {
    this.#loading ??= this.#readNew().finally(() => {
      this.#loading = null;
    });
    await this.#loading;
  }

  async #readNew(): Promise<void> {
    const today = this.#today();
    const oldest = new Date(this.#clock.now().getTime() - this.#days * DAY_MS)
      .toISOString()
      .slice(0, 10);
    for (const name of await readdir(this.#folder)) {
      const day = name.startsWith(`${this.#name}-`) ? name.slice(this.#name.length + 1) : null;
      if (day === null) continue;
      if (day >= oldest) await this.#readFile(name);
      else {
        await rm(join(this.#folder, name), { force: true });
        this.#readBytes.delete(name);
      }
    }
    this.#loadedDay = today;
  }

  async #readFile(name: string): Promise<void> {
    // The other worker may have removed an old day between our look and our reading.
    const file = await open(join(this.#folder, name), 'r').catch(ifGone(null));
    if (file === null) return;
    try {
      let at = this.#readBytes.get(name) ?? 0;
      while (at < MAX_ENTRIES_A_DAY * ENTRY_BYTES) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, at);
        const whole = bytesRead - (bytesRead % ENTRY_BYTES);
        if (whole === 0) break;
        this.#read(buffer.subarray(0, whole));
        at += whole;
      }
      this.#readBytes.set(name, at);
    } finally {
      await file.close();
    }
  }

  #read(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
      const entry = bytes.subarray(at, at + ENTRY_BYTES);
      this.#remember(entry.toString('hex', 0, KEY_BYTES), entry.toString('hex', KEY_BYTES));
    }
  }

  #remember(key: string, value: string): void {
    this.#seen.set(key, value);
    if (this.#seen.size <= MAX_IN_MEMORY) return;
    const oldest = this.#seen.keys().next().value;
    if (oldest !== undefined) this.#seen.delete(oldest);
  }

  #today(): string {
    return this.#clock.now().toISOString().slice(0, 10);
  }

  #path(day: string): string {
    return join(this.#folder, `${this.#name}-${day}`);
  }
}

function hash(bytes: Buffer): string {
  return createHash('sha256')
    .update(bytes)
    .digest('hex')
    .slice(0, KEY_BYTES * 2);
}
