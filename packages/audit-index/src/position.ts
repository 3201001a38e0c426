import { MerkleTree, type SignedHead, signedHeadSchema } from '@sallyport/audit-log';
import { z } from 'zod';

/** How far the log was read: always the end of a head. */
export interface Position {
  readonly tree: MerkleTree;
  readonly head: SignedHead | null;
  /** First leaf of the segment that is being read; null before the first. */
  readonly first: number | null;
  /** Bytes of it that were read. */
  readonly bytes: number;
}

export const START: Position = { tree: new MerkleTree(), head: null, first: null, bytes: 0 };

const positionSchema = z.strictObject({
  size: z.int().nonnegative(),
  frontier: z.array(z.string()),
  head: signedHeadSchema.nullable(),
  first: z.int().nonnegative().nullable(),
  bytes: z.int().nonnegative(),
});

export function formatPosition({ tree, head, first, bytes }: Position): string {
  const frontier = tree.frontier.map((node) => node.toString('hex'));
  return JSON.stringify({ size: tree.size, frontier, head, first, bytes });
}

/** @throws SyntaxError, ZodError or RangeError if an index holds something else. */
export function parsePosition(text: string): Position {
  const { size, frontier, head, first, bytes } = positionSchema.parse(JSON.parse(text));
  const nodes = frontier.map((node) => Buffer.from(node, 'hex'));
  return { tree: new MerkleTree(size, nodes), head, first, bytes };
}
