import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { parseCanonical } from './canonical.ts';
import { type SignedHead, signedHeadSchema, verifyHead } from './head.ts';
import { hashedText, parseLeaf, personalValueSchema, wrongPersonal } from './leaf.ts';
import type { LogLine } from './line.ts';
import { inclusionProof, verifyInclusion } from './proof.ts';
import { readLines, type Segments } from './read.ts';
import { leafHash } from './tree.ts';

const hex = z.string().regex(/^[0-9a-f]{64}$/);

/** One event, where it stands, and the signed head that covers it: enough to prove it offline. */
export const eventProofSchema = z.strictObject({
  format: z.literal('sallyport audit proof v1'),
  index: z.int().nonnegative(),
  leaf: hashedText,
  personal: z.record(z.string(), personalValueSchema),
  /** RFC 9162 section 2.1.3.1. */
  path: z.array(hex).max(64),
  head: signedHeadSchema,
});
export type EventProof = z.infer<typeof eventProofSchema>;

const INDENT = 2;

/** @returns null if the text is no proof of one event as it is given out, on one line or for people. */
export function parseEventProof(text: string): EventProof | null {
  const json = text.trimEnd();
  return parseCanonical(eventProofSchema, json) ?? parseCanonical(eventProofSchema, json, INDENT);
}

/**
 * Proves one event against the last head.
 *
 * @returns null if there is no such leaf under a head, or its segment was removed.
 */
export async function proveEvent(segments: Segments, index: number): Promise<EventProof | null> {
  const hashes: Buffer[] = [];
  let found: LogLine | null = null;
  let head: SignedHead | null = null;
  for await (const line of readLines(segments)) {
    if ('subtree' in line) return null;
    if ('head' in line) head = line.head;
    if (!('leaf' in line)) continue;
    if (hashes.length === index) found = line;
    hashes.push(leafHash(line.leaf));
  }
  if (head === null || found === null || !('leaf' in found) || index >= head.size) return null;
  const path = inclusionProof(hashes.slice(0, head.size), index);
  return {
    format: 'sallyport audit proof v1',
    index,
    leaf: found.leaf,
    personal: found.personal ?? {},
    path: path.map((node) => node.toString('hex')),
    head,
  };
}

/** Why an event is not proven by its path and head; null if it is. The signature is not looked at. */
export function proofFault(proof: EventProof): string | null {
  const { index, leaf, path, head, personal } = proof;
  const content = parseLeaf(leaf);
  if (content?.index !== index) return `the leaf is not event ${index}`;
  const claim = {
    hash: leafHash(leaf),
    index,
    size: head.size,
    root: Buffer.from(head.root, 'hex'),
  };
  if (
    !verifyInclusion(
      claim,
      path.map((node) => Buffer.from(node, 'hex')),
    )
  ) {
    return `event ${index} does not lie under the signed head: it or its path was edited`;
  }
  const wrong = wrongPersonal(personal, content.personal ?? {});
  return wrong === null ? null : `the value of ${wrong} is not the one that was recorded`;
}

/** True if the head is signed by the log key and covers exactly this leaf at this index. */
export function verifyEventProof(proof: EventProof, publicKey: KeyObject): boolean {
  return verifyHead(proof.head, publicKey) && proofFault(proof) === null;
}
