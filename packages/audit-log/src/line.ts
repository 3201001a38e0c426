import { z } from 'zod';
import { parseCanonical } from './canonical.ts';
import { type SignedHead, signedHeadSchema } from './head.ts';
import { hashedText, type Leaf, personalValueSchema } from './leaf.ts';
import { leafHash } from './tree.ts';

/** The most bytes one line may have. */
export const MAX_LINE_BYTES = 1024 * 1024;

const hex = z.string().regex(/^[0-9a-f]{64}$/);

const leafLine = z.strictObject({
  leaf: hashedText,
  /** The leaf hash, so that an edited line is named and not only its commit. */
  hash: hex,
  personal: z.record(z.string(), personalValueSchema).optional(),
});
const headLine = z.strictObject({ head: signedHeadSchema });
/** First line of a segment: the tree before it, so that a start need not read older segments. */
const segmentLine = z.strictObject({
  segment: z.strictObject({
    first: z.int().nonnegative(),
    frontier: z.array(hex).max(64),
    previous: hex,
  }),
});
/** All that is left of a segment that retention removed: the root over its leaves. */
const subtreeLine = z.strictObject({
  subtree: z.strictObject({ first: z.int().nonnegative(), leaves: z.int().positive(), root: hex }),
});

const lineSchema = z.union([leafLine, headLine, segmentLine, subtreeLine]);

/** One line of a segment file. */
export type LogLine = z.infer<typeof lineSchema>;
export type LeafLine = z.infer<typeof leafLine>;
export type SegmentStart = z.infer<typeof segmentLine>['segment'];
export type Subtree = z.infer<typeof subtreeLine>['subtree'];

/** @returns null if the text is no line of ours, byte for byte as we would write it. */
export function parseLogLine(text: string): LogLine | null {
  return parseCanonical(lineSchema, text);
}

/** A leaf as a line, with its line feed. */
export function formatLeafLine(leaf: Leaf, hash = leafHash(leaf.leaf)): string {
  const personal = Object.keys(leaf.personal).length === 0 ? {} : { personal: leaf.personal };
  const line: LeafLine = { leaf: leaf.leaf, hash: hash.toString('hex'), ...personal };
  return `${JSON.stringify(line)}\n`;
}

/** A signed head as a line, with its line feed. */
export function formatHeadLine(head: SignedHead): string {
  const { size, root, time, previous, signature } = head;
  return `${JSON.stringify({ head: { size, root, time, previous, signature } })}\n`;
}

/** The first line of a segment, with its line feed. */
export function formatSegmentLine(segment: SegmentStart): string {
  const { first, frontier, previous } = segment;
  return `${JSON.stringify({ segment: { first, frontier, previous } })}\n`;
}

/** What stands in for a removed segment, with its line feed. */
export function formatSubtreeLine(subtree: Subtree): string {
  const { first, leaves, root } = subtree;
  return `${JSON.stringify({ subtree: { first, leaves, root } })}\n`;
}
