import {
  consistencyPath,
  inclusionPath,
  leafHash,
  parseLogLine,
  type SignedHead,
  verifyConsistency,
  verifyInclusion,
} from '@sallyport/audit-log';
import { LineReader } from './folder.ts';
import { HashStore, RemovedLeaves } from './hashes.ts';
import { type IndexParts, rowOf } from './search.ts';
import type { ConsistencyAnswer, ProofAnswer } from './types.ts';

/** The path of one event to the last head; what does not lead there is no answer. */
export function proveEvent(index: number, parts: IndexParts, head: SignedHead | null): ProofAnswer {
  if (head === null || !Number.isSafeInteger(index) || index < 0 || index >= head.size) {
    return { kind: 'unknown' };
  }
  const hashes = new HashStore(parts.database, parts.segmentLeaves);
  const row = rowOf(index, parts);
  if (row === null) return { kind: 'removed' };
  const lines = new LineReader(parts.folder);
  const text = lines.text(row.place);
  lines.close();
  const line = text === null ? null : parseLogLine(text);
  if (line === null || !('leaf' in line)) return { kind: 'contradicted' };
  // The line itself is hashed: an index that holds other hashes than the log leads nowhere.
  const root = Buffer.from(head.root, 'hex');
  const claim = { hash: leafHash(line.leaf), index, size: head.size, root };
  const path = inclusionPath(index, head.size, (from, to) => hashes.rangeRoot(from, to));
  if (!verifyInclusion(claim, path)) return { kind: 'contradicted' };
  return {
    kind: 'proof',
    proof: {
      format: 'sallyport audit proof v1',
      index,
      leaf: line.leaf,
      personal: line.personal ?? {},
      path: path.map((node) => node.toString('hex')),
      head,
    },
  };
}

/** The path from an older head to the last one. */
export function proveConsistency(
  older: SignedHead,
  parts: IndexParts,
  head: SignedHead | null,
): ConsistencyAnswer {
  if (head === null || older.size > head.size) return { kind: 'longer' };
  if (older.size < 1) return { kind: 'contradicted' };
  const hashes = new HashStore(parts.database, parts.segmentLeaves);
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
