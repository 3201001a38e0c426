import { nodeHash, type SignedHead, split } from '@sallyport/audit-log';
import { CHUNK_LEAVES, type HashStore } from './hashes.ts';

/** A node on the way down; its root was checked against the one above, the first against the head. */
interface Node {
  readonly from: number;
  readonly to: number;
  readonly root: Buffer;
  /** The node beside it, in hex; null for the whole tree. */
  readonly beside: string | null;
}

/** Where a leaf stands: its hash, and the path in hex as RFC 9162 section 2.1.3.1 orders it. */
export interface ProvenLeaf {
  readonly hash: Buffer;
  readonly path: string[];
}

/**
 * Inclusion paths under one head. What neighbours have in common is read and hashed once, so asking
 * in the order of the log is cheap; kept are the nodes down to one chunk, and that chunk.
 *
 * No path has to be verified (RFC 9162 section 2.1.3.2): each node that it passes is the hash of the
 * two below, from the root of the head down to the leaf.
 */
export class InclusionPaths {
  readonly #hashes: HashStore;
  /** From the whole tree down. */
  readonly #way: Node[];
  #chunk: Chunk | null = null;

  constructor(hashes: HashStore, { size, root }: SignedHead) {
    this.#hashes = hashes;
    this.#way = [{ from: 0, to: size, root: Buffer.from(root, 'hex'), beside: null }];
  }

  /**
   * The path of a leaf that the head covers; null if the hashes do not lead to the head.
   *
   * @throws RemovedLeaves if it takes leaves that retention removed.
   */
  of(index: number): ProvenLeaf | null {
    for (let node = this.#last(); this.#way.length > 1; node = this.#last()) {
      if (index >= node.from && index < node.to) break;
      this.#way.pop();
    }
    for (let node = this.#last(); node.to - node.from > CHUNK_LEAVES; ) {
      const below = this.#below(node, index);
      if (below === null) return null;
      this.#way.push(below);
      node = below;
    }
    const node = this.#last();
    if (this.#chunk?.from !== node.from) this.#chunk = this.#open(node);
    const found = this.#chunk?.pathOf(index - node.from) ?? null;
    if (found === null) return null;
    for (const { beside } of this.#way.toReversed()) {
      if (beside !== null) found.path.push(beside);
    }
    return found;
  }

  #last(): Node {
    const node = this.#way.at(-1);
    if (node === undefined) throw new Error('the way begins at the whole tree');
    return node;
  }

  #below({ from, to, root }: Node, index: number): Node | null {
    const middle = from + split(to - from);
    const left = this.#hashes.rangeRoot(from, middle);
    const right = this.#hashes.rangeRoot(middle, to);
    if (!nodeHash(left, right).equals(root)) return null;
    return index < middle
      ? { from, to: middle, root: left, beside: right.toString('hex') }
      : { from: middle, to, root: right, beside: left.toString('hex') };
  }

  #open({ from, to, root }: Node): Chunk | null {
    const leaves = this.#hashes.leaves(from, to);
    const chunk = leaves === null ? null : new Chunk(from, leaves);
    return chunk?.root?.equals(root) === true ? chunk : null;
  }
}

/** All nodes over the leaves of one chunk. */
class Chunk {
  readonly from: number;
  /** The leaves first; a last one without a neighbour goes up as it is. */
  readonly #levels: readonly (readonly Buffer[])[];
  readonly #hex = new Map<Buffer, string>();

  constructor(from: number, leaves: readonly Buffer[]) {
    this.from = from;
    const levels = [leaves];
    for (let level = leaves; level.length > 1; levels.push(level)) level = levelOver(level);
    this.#levels = levels;
  }

  get root(): Buffer | null {
    return this.#levels.at(-1)?.[0] ?? null;
  }

  pathOf(position: number): ProvenLeaf | null {
    const hash = this.#levels[0]?.[position];
    if (hash === undefined) return null;
    const path: string[] = [];
    let at = position;
    for (const level of this.#levels) {
      const beside = level[at % 2 === 0 ? at + 1 : at - 1];
      if (beside !== undefined) path.push(this.#hexOf(beside));
      at = Math.floor(at / 2);
    }
    return { hash, path };
  }

  /** Half of the chunk has a node in its path. */
  #hexOf(node: Buffer): string {
    const known = this.#hex.get(node);
    if (known !== undefined) return known;
    const hex = node.toString('hex');
    this.#hex.set(node, hex);
    return hex;
  }
}

function levelOver(level: readonly Buffer[]): Buffer[] {
  const above: Buffer[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const [left, right] = level.slice(at, at + 2);
    if (left !== undefined) above.push(right === undefined ? left : nodeHash(left, right));
  }
  return above;
}
