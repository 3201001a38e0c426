import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { MerkleTree, SEGMENT_LEAVES } from '@sallyport/audit-log';

/** Leaves of one chunk: a power of two that divides a segment. */
export const CHUNK_LEAVES = 256;
const HASH_BYTES = 32;

/** A node below a removed segment is gone. */
export class RemovedLeaves extends Error {
  override readonly name = 'RemovedLeaves';
}

/** Leaf hashes as they were read, with the roots of whole runs of them: what proofs are made of. */
export class HashStore {
  readonly #database: DatabaseSync;
  readonly #segmentLeaves: number;
  #wholeChunk: StatementSync | null = null;
  #root: StatementSync | null = null;

  constructor(database: DatabaseSync, segmentLeaves = SEGMENT_LEAVES) {
    this.#database = database;
    this.#segmentLeaves = segmentLeaves;
  }

  /** Appends leaves from `from` on. */
  append(from: number, leaves: readonly { readonly hash: Buffer; readonly at: number }[]): void {
    for (let done = 0; done < leaves.length; ) {
      const begin = (from + done) % CHUNK_LEAVES;
      const chunk = Math.floor((from + done) / CHUNK_LEAVES);
      const before = begin === 0 ? null : this.#chunk(chunk);
      const added = leaves.slice(done, done + CHUNK_LEAVES - begin);
      const hashes = Buffer.concat([
        before?.hashes ?? Buffer.alloc(0),
        ...added.map(({ hash }) => hash),
      ]);
      const times = added.map(({ at }) => at);
      const earliest = Math.min(before?.earliest ?? Number.MAX_SAFE_INTEGER, ...times);
      const latest = Math.max(before?.latest ?? 0, ...times);
      const root = hashes.length === CHUNK_LEAVES * HASH_BYTES ? rootOfLeaves(hashes) : null;
      this.#database
        .prepare('INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?)')
        .run(chunk, root, earliest, latest, hashes);
      done += added.length;
    }
  }

  #chunk(chunk: number): { hashes: Buffer; earliest: number; latest: number } | null {
    this.#wholeChunk ??= this.#database.prepare('SELECT * FROM chunks WHERE chunk = ?');
    const row = this.#wholeChunk.get(chunk);
    if (row === undefined) return null;
    return {
      hashes: bufferOf(row['hashes']),
      earliest: Number(row['earliest']),
      latest: Number(row['latest']),
    };
  }

  /** Null while the chunk is not whole. */
  #chunkRoot(chunk: number): Buffer | null {
    this.#root ??= this.#database.prepare('SELECT root FROM chunks WHERE chunk = ?');
    const root = this.#root.get(chunk)?.['root'] ?? null;
    return root === null ? null : bufferOf(root);
  }

  /**
   * The root over leaves `from` up to `to`, as RFC 9162 section 2.1.1 splits them; `from` is where
   * such a split can stand.
   *
   * @throws RemovedLeaves if it takes leaves that retention removed.
   */
  rangeRoot(from: number, to: number): Buffer {
    const tree = new MerkleTree();
    for (let at = from; at < to; ) {
      const step = this.#appendBlock(tree, at, to);
      at += step;
    }
    return tree.root();
  }

  /**
   * Leaf hashes from the first of a chunk up to `to` in the same chunk; null if they are not there.
   */
  leaves(from: number, to: number): Buffer[] | null {
    const hashes = this.#chunk(from / CHUNK_LEAVES)?.hashes ?? null;
    if (hashes === null || hashes.length < (to - from) * HASH_BYTES) return null;
    return Array.from({ length: to - from }, (_, n) =>
      hashes.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES),
    );
  }

  #appendBlock(tree: MerkleTree, at: number, to: number): number {
    if (at % this.#segmentLeaves === 0 && at + this.#segmentLeaves <= to) {
      const root = this.segmentRoot(at);
      if (root !== null) {
        tree.appendSubtree(root, this.#segmentLeaves);
        return this.#segmentLeaves;
      }
    }
    const number = Math.floor(at / CHUNK_LEAVES);
    const isWhole = at % CHUNK_LEAVES === 0 && at + CHUNK_LEAVES <= to;
    const root = isWhole ? this.#chunkRoot(number) : null;
    if (root !== null) {
      tree.appendSubtree(root, CHUNK_LEAVES);
      return CHUNK_LEAVES;
    }
    const chunk = this.#chunk(number);
    if (chunk === null) throw new RemovedLeaves();
    const begin = at % CHUNK_LEAVES;
    const end = Math.min(CHUNK_LEAVES, begin + to - at, chunk.hashes.length / HASH_BYTES);
    if (end <= begin) throw new RemovedLeaves();
    for (let n = begin; n < end; n += 1) {
      tree.append(chunk.hashes.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES));
    }
    return end - begin;
  }

  /** Null while the segment is not whole. */
  segmentRoot(first: number): Buffer | null {
    const row = this.#database.prepare('SELECT root FROM segments WHERE first = ?').get(first);
    const root = row?.['root'] ?? null;
    return root === null ? null : bufferOf(root);
  }

  /** From the first to behind the last leaf that may be of that time. */
  rangeOfTimes(since: Date | undefined, until: Date | undefined): { from: number; to: number } {
    const first = this.#database.prepare(
      'SELECT min(chunk) AS chunk FROM chunks WHERE latest >= ?',
    );
    const last = this.#database.prepare(
      'SELECT max(chunk) AS chunk FROM chunks WHERE earliest <= ?',
    );
    const from = first.get(since?.getTime() ?? 0)?.['chunk'] ?? null;
    const to = last.get(until?.getTime() ?? Number.MAX_SAFE_INTEGER)?.['chunk'] ?? null;
    if (from === null || to === null) return { from: 0, to: 0 };
    return { from: Number(from) * CHUNK_LEAVES, to: (Number(to) + 1) * CHUNK_LEAVES };
  }
}

function rootOfLeaves(hashes: Buffer): Buffer {
  const tree = new MerkleTree();
  for (let at = 0; at < hashes.length; at += HASH_BYTES) {
    tree.append(hashes.subarray(at, at + HASH_BYTES));
  }
  return tree.root();
}

function bufferOf(value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) throw new TypeError('an index holds bytes here');
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
