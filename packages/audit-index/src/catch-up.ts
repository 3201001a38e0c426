import { createReadStream } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { splitLines } from '@sallyport/audit-log';
import { lastHeadStands, readSubtree, type SegmentFile, segmentFiles, stampOf } from './folder.ts';
import { CHUNK_LEAVES, HashStore } from './hashes.ts';
import { noteEvent } from './note-event.ts';
import type { Position } from './position.ts';
import { clearTables } from './schema.ts';
import type { IndexStore } from './store.ts';
import type { CaughtUp } from './types.ts';
import { LogWalk } from './walk.ts';

/** Events of one transaction, about: so long others of this process wait. */
const BATCH_EVENTS = 500;
/** How often a catch-up starts again because another process was faster. */
const MAX_ROUNDS = 5;

/** What catching up works on. */
export interface CatchUpParts {
  readonly folder: string;
  readonly database: DatabaseSync;
  readonly store: IndexStore;
  readonly segmentLeaves: number;
}

/** Brings the index up to the last head of the folder; starts anew where the folder contradicts it. */
export async function catchUp(parts: CatchUpParts): Promise<CaughtUp> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const done = await new Round(parts).run();
    if (done !== 'again') return done;
  }
  return { size: parts.store.position().tree.size, damage: null };
}

type Damage = NonNullable<CaughtUp['damage']>;
/** Null: it was in order. `again`: another process has written to the index meanwhile. */
type Done = Damage | null | 'again';

class Round {
  readonly #parts: CatchUpParts;
  readonly #hashes: HashStore;
  readonly #walk: LogWalk;
  #position: Position;

  constructor(parts: CatchUpParts) {
    this.#parts = parts;
    this.#hashes = new HashStore(parts.database, parts.segmentLeaves);
    this.#position = parts.store.position();
    this.#walk = new LogWalk(this.#position);
  }

  async run(): Promise<CaughtUp | 'again'> {
    const files = await segmentFiles(this.#parts.folder);
    if (!(await this.#agrees(files))) {
      this.#parts.store.forget();
      clearTables(this.#parts.database);
      return 'again';
    }
    const from = this.#position.first ?? this.#position.tree.size;
    for (const file of files) {
      if (file.first < from) continue;
      const done = await this.#readSegment(file);
      if (done === 'again') return 'again';
      if (done !== null) return { size: this.#position.tree.size, damage: done };
      if (this.#position.tree.size % this.#parts.segmentLeaves !== 0) break; // the log ends in it
    }
    return { size: this.#position.tree.size, damage: null };
  }

  /** True if all that was read is still there, or was removed by retention with the same root. */
  async #agrees(files: readonly SegmentFile[]): Promise<boolean> {
    const present = new Map(files.map((file) => [file.first, file]));
    const { database } = this.#parts;
    const rows = database.prepare('SELECT first, bytes, stamp, removed FROM segments').all();
    for (const row of rows) {
      const first = Number(row['first']);
      const file = present.get(first);
      if (file === undefined) return false;
      const { stamp, bytes } = await stampOf(file.path);
      if (stamp === row['stamp']) continue;
      const isOpen = first === this.#position.first;
      if (isOpen && bytes >= Number(row['bytes']) && this.#endsInHead(first)) continue;
      if (row['removed'] === 1 || !this.#dropRemoved(first, bytes, stamp)) return false;
    }
    return true;
  }

  /** The last head that was read still stands where it did. */
  #endsInHead(first: number): boolean {
    const { folder } = this.#parts;
    const { head, bytes: end } = this.#position;
    return head === null ? end === 0 : lastHeadStands({ folder, first, head, end });
  }

  /** A segment that became its subtree root: the root stays, all else of it goes. */
  #dropRemoved(first: number, bytes: number, stamp: string): boolean {
    const subtree = readSubtree(this.#parts.folder, first, bytes);
    const root = this.#hashes.segmentRoot(first);
    if (subtree === null || root === null || subtree.root !== root.toString('hex')) return false;
    const { database, store } = this.#parts;
    const dropped = this.#write(() => {
      dropLeaves(database, first, first + this.#parts.segmentLeaves);
      const sql = 'UPDATE segments SET removed = 1, stamp = ?, bytes = ? WHERE first = ?';
      database.prepare(sql).run(stamp, bytes, first);
    });
    store.forget();
    return dropped;
  }

  async #readSegment(file: SegmentFile): Promise<Done> {
    if (this.#position.first === file.first) {
      return await this.#readLines(file, this.#position.bytes);
    }
    if (file.first !== this.#walk.tree.size) return { segment: file.name, line: 1 };
    const { bytes, stamp } = await stampOf(file.path);
    const subtree = readSubtree(this.#parts.folder, file.first, bytes);
    if (subtree === null) return await this.#readLines(file, 0);
    if (subtree.first !== file.first || subtree.leaves !== this.#parts.segmentLeaves) {
      return { segment: file.name, line: 1 };
    }
    const root = Buffer.from(subtree.root, 'hex');
    this.#walk.skip(root, subtree.leaves);
    const written = this.#write(() => {
      this.#parts.database
        .prepare('INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?, 1)')
        .run(file.first, subtree.leaves, bytes, stamp, root);
      this.#moveTo({ first: null, bytes: 0 });
    });
    return written ? null : 'again';
  }

  async #readLines(file: SegmentFile, start: number): Promise<Done> {
    // What is written from here on is for the next time: a stamp must not promise too much.
    const { stamp, bytes } = await stampOf(file.path);
    if (bytes <= start) return null;
    this.#walk.dropUncovered();
    let end = start;
    let bad: number | null = null;
    for await (const line of linesOf(file, { start, end: bytes })) {
      const taken = this.#walk.take(line.text, line);
      if (taken === 'bad') {
        bad = line.offset;
        break;
      }
      if (taken === 'head') end = line.offset + line.bytes;
      if (taken !== 'head' || this.#walk.coveredEvents < BATCH_EVENTS) continue;
      if (!this.#flush(file, { end, stamp: '' })) return 'again';
      await turn(); // others of this process have their turn
    }
    if (!this.#flush(file, { end, stamp: end === bytes ? stamp : '' })) return 'again';
    return bad === null ? null : { segment: file.name, line: await lineAt(file.path, bad) };
  }

  /** Writes what is under a head; false if another process has written meanwhile. */
  #flush(file: SegmentFile, at: { readonly end: number; readonly stamp: string }): boolean {
    const leaves = this.#walk.takeCovered();
    const from = leaves[0]?.event.index ?? this.#position.tree.size;
    if (leaves.length === 0 && at.stamp === '') return true;
    return this.#write(() => {
      const { database, store } = this.#parts;
      for (const leaf of leaves) {
        store.addEvent(leaf, file.first);
        noteEvent(leaf.event, leaf.at, store);
      }
      this.#hashes.append(from, leaves);
      const held = from + leaves.length - file.first;
      const isWhole = held === this.#parts.segmentLeaves;
      const root = isWhole ? this.#hashes.rangeRoot(file.first, file.first + held) : null;
      database
        .prepare('INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?, 0)')
        .run(file.first, held, at.end, at.stamp, root);
      this.#moveTo({ first: file.first, bytes: at.end });
    });
  }

  #moveTo(place: { readonly first: number | null; readonly bytes: number }): void {
    this.#position = { tree: this.#walk.tree, head: this.#walk.head, ...place };
    this.#parts.store.setPosition(this.#position);
  }

  #write(work: () => void): boolean {
    const { store } = this.#parts;
    const before = this.#position.tree.size;
    store.begin();
    try {
      const isMine = store.position().tree.size === before;
      if (isMine) work();
      if (isMine) store.commit();
      else store.rollback();
      return isMine;
    } catch (error) {
      store.rollback();
      throw error;
    }
  }
}

interface PlacedLine {
  readonly text: string;
  readonly offset: number;
  readonly bytes: number;
}

/** Whole lines of a segment; the recorder may be in the midst of the last one. */
async function* linesOf(
  file: SegmentFile,
  { start, end }: { readonly start: number; readonly end: number },
): AsyncGenerator<PlacedLine> {
  for await (const raw of splitLines(createReadStream(file.path, { start, end: end - 1 }))) {
    if (raw.text === null) return;
    yield { text: raw.text, offset: start + raw.offset, bytes: raw.sizeBytes };
  }
}

/** The number of the line that begins at an offset. */
async function lineAt(path: string, offset: number): Promise<number> {
  let line = 1;
  for await (const raw of splitLines(createReadStream(path))) {
    if (raw.offset >= offset) break;
    line += 1;
  }
  return line;
}

/** Forgets what is known of some leaves, but for the root over them. */
function dropLeaves(database: DatabaseSync, from: number, to: number): void {
  database.prepare('DELETE FROM terms WHERE rowid >= ? AND rowid < ?').run(from, to);
  database.prepare('DELETE FROM events WHERE idx >= ? AND idx < ?').run(from, to);
  database.prepare('DELETE FROM message_terms WHERE idx >= ? AND idx < ?').run(from, to);
  database.prepare('DELETE FROM messages WHERE idx >= ? AND idx < ?').run(from, to);
  const chunks = 'DELETE FROM chunks WHERE chunk >= ? AND chunk < ?';
  database.prepare(chunks).run(from / CHUNK_LEAVES, to / CHUNK_LEAVES);
}
