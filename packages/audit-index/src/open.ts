import { chownSync, closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { type RecordedEvent, SEGMENT_LEAVES, type SignedHead } from '@sallyport/audit-log';
import { catchUp } from './catch-up.ts';
import { countSteps, latenciesOf } from './charts.ts';
import { readIndexes } from './event-lines.ts';
import { findMessages, messageHistory } from './messages.ts';
import { proveConsistency, proveEvent, proveEvents } from './prove.ts';
import { clearTables, prepareTables } from './schema.ts';
import { findIndexes, type IndexParts, searchEvents } from './search.ts';
import { IndexStore } from './store.ts';
import type {
  AuditIndex,
  AuditQuery,
  CaughtUp,
  ConsistencyAnswer,
  CountedStep,
  CountsQuery,
  EventPage,
  Latencies,
  MessageHistory,
  MessagePage,
  MessageQuery,
  ProofAnswer,
} from './types.ts';

/** The name of the index file that the console and the command line share. */
export const AUDIT_INDEX_FILE = 'audit.sqlite';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Opens an index over an audit folder; makes its file where it is missing, makes it anew where it
 * is of another version or broken. What it knows is what the last `catchUp` read.
 *
 * @throws Error if the file cannot be written.
 */
export async function openAuditIndex(options: {
  readonly auditFolder: string;
  readonly file: string;
  /** Only for tests: leaves of a segment, a multiple of 256. */
  readonly segmentLeaves?: number;
}): Promise<AuditIndex> {
  const { auditFolder: folder, file, segmentLeaves = SEGMENT_LEAVES } = options;
  await Promise.resolve();
  try {
    return new OpenIndex({ folder, segmentLeaves, database: openDatabase(file) });
  } catch (error) {
    if (!isBroken(error)) throw error;
    removeIndex(file);
    return new OpenIndex({ folder, segmentLeaves, database: openDatabase(file) });
  }
}

/**
 * As `openAuditIndex`, but forgets first what the index held, also on the disk. Another process that
 * has it open goes on with it.
 *
 * @throws Error if the file cannot be written.
 */
export async function rebuildIndex(
  options: Parameters<typeof openAuditIndex>[0],
): Promise<AuditIndex> {
  (await openAuditIndex(options)).close();
  const database = openDatabase(options.file);
  try {
    database.exec('PRAGMA secure_delete = ON');
    clearTables(database);
  } finally {
    database.close();
  }
  return await openAuditIndex(options);
}

/** Removes an index file with what lies beside it: it is broken. */
function removeIndex(file: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
}

function openDatabase(file: string): DatabaseSync {
  makeFile(file);
  const database = new DatabaseSync(file);
  try {
    prepareTables(database);
    new IndexStore(database).position();
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** Made before SQLite does: the files beside it then have the same mode. */
function makeFile(file: string): void {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  const handle = openSync(file, 'a', FILE_MODE);
  closeSync(handle);
  // Made by root on the command line, it must still be the console's.
  const { uid, gid } = statSync(folder);
  if (process.getuid?.() === 0 && statSync(file).uid !== uid) chownSync(file, uid, gid);
}

/** SQLITE_CORRUPT and SQLITE_NOTADB, and what stood there was not written by us. */
function isBroken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'errcode' in error ? error.errcode : null;
  return code === 11 || code === 26 || error instanceof SyntaxError || error.name === 'ZodError';
}

class OpenIndex implements AuditIndex {
  readonly #parts: IndexParts;
  readonly #database: DatabaseSync;
  readonly #store: IndexStore;
  #running: Promise<CaughtUp> | null = null;
  #isBehind = false;

  constructor(parts: IndexParts) {
    this.#parts = parts;
    this.#database = parts.database;
    this.#store = new IndexStore(parts.database);
  }

  async catchUp(waitMs?: number): Promise<CaughtUp> {
    this.#running ??= catchUp({ ...this.#parts, store: this.#store }).finally(() => {
      this.#running = null;
      this.#isBehind = false;
    });
    return waitMs === undefined ? await this.#running : await this.#within(this.#running, waitMs);
  }

  async #within(running: Promise<CaughtUp>, waitMs: number): Promise<CaughtUp> {
    const waiting = new AbortController();
    const late = wait(waitMs, null, { signal: waiting.signal });
    late.catch(() => {}); // it is not waited for any more
    try {
      const done = await Promise.race([running, late]);
      if (done !== null) return done;
    } finally {
      waiting.abort();
    }
    this.#isBehind = this.#running !== null;
    return { size: this.#store.position().tree.size, damage: null, isBehind: true };
  }

  isBehind(): boolean {
    return this.#isBehind;
  }

  search(query: AuditQuery): EventPage {
    return searchEvents(query, this.#parts);
  }

  messages(query: MessageQuery): MessagePage {
    return findMessages(query, this.#parts);
  }

  message(queueId: string): MessageHistory | null {
    return messageHistory(queueId, this.#parts);
  }

  counts(query: CountsQuery): CountedStep[] {
    return countSteps(query, this.#database);
  }

  latencies(query: { readonly since: Date; readonly until: Date }): Latencies | null {
    return latenciesOf(query, this.#database);
  }

  head(): SignedHead | null {
    return this.#store.position().head;
  }

  prove(index: number, under?: SignedHead): ProofAnswer {
    return proveEvent(index, this.#parts, under ?? this.head());
  }

  proveAll(indexes: Iterable<number>, under: SignedHead): Iterable<ProofAnswer> {
    return proveEvents(indexes, this.#parts, under);
  }

  events(indexes: Iterable<number>): Iterable<RecordedEvent> {
    return readIndexes(indexes, this.#parts);
  }

  find(query: Omit<AuditQuery, 'limit'>, max: number): number[] {
    return findIndexes(query, max, this.#parts);
  }

  proveConsistency(older: SignedHead): ConsistencyAnswer {
    return proveConsistency(older, this.#parts, this.head());
  }

  close(): void {
    this.#database.close();
  }
}
