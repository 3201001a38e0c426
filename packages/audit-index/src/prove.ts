import {
  consistencyPath,
  type LogLine,
  leafHash,
  type SignedHead,
  verifyConsistency,
} from '@sallyport/audit-log';
import { EventLines } from './event-lines.ts';
import { HashStore, RemovedLeaves } from './hashes.ts';
import { InclusionPaths } from './paths.ts';
import type { IndexParts } from './search.ts';
import type { ConsistencyAnswer, ProofAnswer } from './types.ts';

/** The path of one event to the last head; what does not lead there is no answer. */
export function proveEvent(index: number, parts: IndexParts, head: SignedHead | null): ProofAnswer {
  const [answer] = proveEvents([index], parts, head);
  return answer ?? { kind: 'unknown' };
}

/**
 * One answer for each event, all under one head. In the order of the log what their paths have in
 * common is worked out once.
 */
export function* proveEvents(
  indexes: Iterable<number>,
  parts: IndexParts,
  head: SignedHead | null,
): Generator<ProofAnswer, undefined> {
  const paths = head === null ? null : new InclusionPaths(hashesOf(parts), head);
  const lines = new EventLines(parts);
  try {
    for (const index of indexes) {
      const isCovered = Number.isSafeInteger(index) && index >= 0 && index < (head?.size ?? 0);
      if (head === null || paths === null || !isCovered) yield { kind: 'unknown' };
      else yield proveLine(lines.read(index), index, { paths, head });
    }
  } finally {
    lines.close();
  }
  return undefined;
}

function proveLine(
  line: LogLine | 'unknown' | null,
  index: number,
  { paths, head }: { readonly paths: InclusionPaths; readonly head: SignedHead },
): ProofAnswer {
  if (line === 'unknown') return { kind: 'removed' };
  if (line === null || !('leaf' in line)) return { kind: 'contradicted' };
  const proven = paths.of(index);
  // The line itself is hashed: an index that holds other hashes than the log leads nowhere.
  if (proven?.hash.equals(leafHash(line.leaf)) !== true) return { kind: 'contradicted' };
  const { leaf, personal = {} } = line;
  const { path } = proven;
  return {
    kind: 'proof',
    proof: { format: 'sallyport audit proof v1', index, leaf, personal, path, head },
  };
}

const hashesOf = ({ database, segmentLeaves }: IndexParts): HashStore =>
  new HashStore(database, segmentLeaves);

/** The path from an older head to the last one. */
export function proveConsistency(
  older: SignedHead,
  parts: IndexParts,
  head: SignedHead | null,
): ConsistencyAnswer {
  if (head === null || older.size > head.size) return { kind: 'longer' };
  if (older.size < 1) return { kind: 'contradicted' };
  const hashes = hashesOf(parts);
  const trees = [older, head].map(({ size, root }) => ({ size, root: Buffer.from(root, 'hex') }));
  const [first, second] = trees;
  if (first === undefined || second === undefined) return { kind: 'contradicted' };
  try {
    const path = consistencyPath(older.size, head.size, (from, to) => hashes.rangeRoot(from, to));
    if (!verifyConsistency(first, second, path)) return { kind: 'contradicted' };
    return { kind: 'proof', path: path.map((node) => node.toString('hex')), head };
  } catch (error) {
    if (error instanceof RemovedLeaves) return { kind: 'removed' };
    throw error;
  }
}
