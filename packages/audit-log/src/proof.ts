import { MerkleTree, nodeHash, split } from './tree.ts';

/** The root over the leaves `from` up to `to`. */
export type RangeRoot = (from: number, to: number) => Buffer;

function rangesOf(hashes: readonly Buffer[]): RangeRoot {
  return (from, to) => {
    const tree = new MerkleTree();
    for (const hash of hashes.slice(from, to)) tree.append(hash);
    return tree.root();
  };
}

/**
 * RFC 9162 section 2.1.3.1: the nodes that lead from one leaf to the root of all of `hashes`.
 *
 * @throws RangeError if there is no such leaf.
 */
export function inclusionProof(hashes: readonly Buffer[], index: number): Buffer[] {
  return inclusionPath(index, hashes.length, rangesOf(hashes));
}

/**
 * RFC 9162 section 2.1.3.1, for who keeps roots of whole subtrees.
 *
 * @throws RangeError if there is no such leaf.
 */
export function inclusionPath(index: number, size: number, rangeRoot: RangeRoot): Buffer[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new RangeError(`no leaf ${index} in a tree of ${size}`);
  }
  const path: Buffer[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + split(to - from);
    if (index < middle) {
      path.push(rangeRoot(middle, to));
      to = middle;
    } else {
      path.push(rangeRoot(from, middle));
      from = middle;
    }
  }
  return path.reverse();
}

/** Where a leaf is said to be, and in which tree. */
export interface InclusionClaim {
  readonly hash: Buffer;
  readonly index: number;
  readonly size: number;
  readonly root: Buffer;
}

/**
 * Walks from a node towards the root: for each node of the path says on which side it stands.
 *
 * @returns true if the path ends exactly at the root.
 */
function climb(
  at: { fn: number; sn: number },
  path: readonly Buffer[],
  step: (node: Buffer, side: 'left' | 'right') => void,
): boolean {
  let { fn, sn } = at;
  for (const node of path) {
    if (sn === 0) return false;
    const side = fn % 2 === 1 || fn === sn ? 'left' : 'right';
    step(node, side);
    while (side === 'left' && fn % 2 === 0 && fn !== 0) {
      fn /= 2;
      sn = Math.floor(sn / 2);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0;
}

/** RFC 9162 section 2.1.3.2. */
export function verifyInclusion(claim: InclusionClaim, path: readonly Buffer[]): boolean {
  if (claim.index < 0 || claim.index >= claim.size) return false;
  let r = claim.hash;
  const arrived = climb({ fn: claim.index, sn: claim.size - 1 }, path, (node, side) => {
    r = side === 'left' ? nodeHash(node, r) : nodeHash(r, node);
  });
  return arrived && r.equals(claim.root);
}

/**
 * RFC 9162 section 2.1.4.1: that the first `first` of `hashes` are what an earlier head covered.
 *
 * @throws RangeError unless 0 < first <= number of hashes.
 */
export function consistencyProof(hashes: readonly Buffer[], first: number): Buffer[] {
  return consistencyPath(first, hashes.length, rangesOf(hashes));
}

/**
 * RFC 9162 section 2.1.4.1, for who keeps roots of whole subtrees.
 *
 * @throws RangeError unless 0 < first <= size.
 */
export function consistencyPath(first: number, size: number, rangeRoot: RangeRoot): Buffer[] {
  if (!Number.isSafeInteger(first) || first < 1 || first > size) {
    throw new RangeError(`no tree of ${first} leaves within one of ${size}`);
  }
  const path: Buffer[] = [];
  let from = 0;
  let to = size;
  let whole = true;
  while (from + (first - from) !== to) {
    const middle = from + split(to - from);
    if (first <= middle) {
      path.push(rangeRoot(middle, to));
      to = middle;
    } else {
      path.push(rangeRoot(from, middle));
      from = middle;
      whole = false;
    }
  }
  if (!whole) path.push(rangeRoot(from, to));
  return path.reverse();
}

/** A tree by size and root. */
export interface TreeHead {
  readonly size: number;
  readonly root: Buffer;
}

/** RFC 9162 section 2.1.4.2; two trees of one size are consistent if their roots are equal. */
export function verifyConsistency(
  first: TreeHead,
  second: TreeHead,
  path: readonly Buffer[],
): boolean {
  if (first.size === second.size) return path.length === 0 && first.root.equals(second.root);
  if (first.size < 1 || first.size > second.size || path.length === 0) return false;
  const nodes = Number.isInteger(Math.log2(first.size)) ? [first.root, ...path] : [...path];
  const [start, ...rest] = nodes;
  if (start === undefined) return false;
  let fn = first.size - 1;
  let sn = second.size - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let fr = start;
  let sr = start;
  const arrived = climb({ fn, sn }, rest, (node, side) => {
    if (side === 'left') fr = nodeHash(node, fr);
    sr = side === 'left' ? nodeHash(node, sr) : nodeHash(sr, node);
  });
  return arrived && fr.equals(first.root) && sr.equals(second.root);
}
