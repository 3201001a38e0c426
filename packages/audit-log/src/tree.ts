import { hash } from 'node:crypto';

const LEAF_PREFIX = Buffer.of(0);
const NODE_PREFIX = Buffer.of(1);

// A log has millions of hashes: each is one call, since the collector stops for a tenth of a second
// and more to take back some ten thousand objects of createHash.

/** RFC 9162 section 2.1.1: HASH(0x00 || entry). */
export function leafHash(leaf: string): Buffer {
  return hash('sha256', Buffer.concat([LEAF_PREFIX, Buffer.from(leaf, 'utf8')]), 'buffer');
}

/** RFC 9162 section 2.1.1: HASH(0x01 || left || right). */
export function nodeHash(left: Buffer, right: Buffer): Buffer {
  return hash('sha256', Buffer.concat([NODE_PREFIX, left, right]), 'buffer');
}

/** The largest power of two below `size`, for size > 1. */
export function split(size: number): number {
  let k = 1;
  while (k * 2 < size) k *= 2;
  return k;
}

/** A Merkle tree that only grows; it keeps the roots of its whole subtrees and nothing below. */
export class MerkleTree {
  #size: number;
  /** Widest subtree first: one for each bit of the size (RFC 9162 section 2.1.2). */
  readonly #frontier: Buffer[];

  /** @throws RangeError if the frontier does not fit the size. */
  constructor(size = 0, frontier: readonly Buffer[] = []) {
    if (!Number.isSafeInteger(size) || size < 0 || frontier.length !== bitCount(size)) {
      throw new RangeError(`a tree of ${size} leaves has another frontier`);
    }
    this.#size = size;
    this.#frontier = [...frontier];
  }

  get size(): number {
    return this.#size;
  }

  /** The roots of the whole subtrees, widest first. With the size it is the whole state. */
  get frontier(): readonly Buffer[] {
    return [...this.#frontier];
  }

  append(leaf: Buffer): void {
    this.#push(leaf, 1);
  }

  /**
   * Appends a whole subtree by its root.
   *
   * @throws RangeError unless `leaves` is a power of two that divides the size.
   */
  appendSubtree(root: Buffer, leaves: number): void {
    if (leaves < 1 || bitCount(leaves) !== 1 || this.#size % leaves !== 0) {
      throw new RangeError(`no subtree of ${leaves} leaves can stand at ${this.#size}`);
    }
    this.#push(root, leaves);
  }

  #push(root: Buffer, leaves: number): void {
    let node = root;
    for (let position = Math.floor(this.#size / leaves); position % 2 === 1; ) {
      const left = this.#frontier.pop();
      if (left === undefined) throw new Error('frontier is shorter than its size');
      node = nodeHash(left, node);
      position = Math.floor(position / 2);
    }
    this.#frontier.push(node);
    this.#size += leaves;
  }

  /** RFC 9162 section 2.1.2 step 3; the root of no leaves is the hash of nothing. */
  root(): Buffer {
    const root = this.#frontier.reduceRight<Buffer | null>(
      (right, left) => (right === null ? left : nodeHash(left, right)),
      null,
    );
    return root ?? hash('sha256', '', 'buffer');
  }

  clone(): MerkleTree {
    return new MerkleTree(this.#size, this.#frontier);
  }
}

function bitCount(size: number): number {
  let bits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
}
