import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { type SignedHead, signedHeadSchema, verifyHead } from './head.ts';
import { parseLeaf } from './leaf.ts';
import { type LogLine, parseLogLine } from './line.ts';
import { inclusionProof, verifyInclusion } from './proof.ts';
import { splitLines } from './split-lines.ts';
import { leafHash } from './tree.ts';
import type { SegmentSource } from './verdict.ts';

/** An event as the log holds it. A personal value that was withheld or erased is null. */
export interface RecordedEvent {
  readonly index: number;
  readonly time: string;
  readonly kind: string;
  readonly queueId: string | null;
  /** All else that the event says, by name. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly personal: Readonly<Record<string, string | null>>;
  /** The exact text that was hashed. */
  readonly leaf: string;
}

/** Which events; an absent field asks for nothing. */
export interface EventFilter {
  readonly kinds?: readonly string[];
  readonly queueId?: string;
  readonly index?: number;
  readonly since?: Date;
  readonly until?: Date;
  /** Some personal value contains this text, without regard to case. */
  readonly containing?: string;
}

type Segments = AsyncIterable<SegmentSource> | Iterable<SegmentSource>;

async function* readLines(segments: Segments): AsyncGenerator<LogLine> {
  for await (const segment of segments) {
    for await (const raw of splitLines(segment.bytes)) {
      const line = raw.text === null ? null : parseLogLine(raw.text);
      if (line !== null) yield line;
    }
  }
}

/** The event of one line, or null if it is a head, or no line at all. It verifies nothing. */
export function readEvent(line: LogLine): RecordedEvent | null {
  if (!('leaf' in line)) return null;
  const content = parseLeaf(line.leaf);
  if (content === null) return null;
  const { index, time, kind, queueId, personal: hashes, ...facts } = content;
  const personal: Record<string, string | null> = {};
  for (const name of Object.keys(hashes ?? {})) {
    personal[name] = line.personal?.[name]?.value ?? null;
  }
  return { index, time, kind, queueId: queueId ?? null, facts, personal, leaf: line.leaf };
}

/** True if the event is one that the filter asks for. */
export function matchesFilter(event: RecordedEvent, filter: EventFilter): boolean {
  const wanted = filter.containing?.toLowerCase();
  return (
    (filter.kinds === undefined || filter.kinds.includes(event.kind)) &&
    (filter.queueId === undefined || filter.queueId === event.queueId) &&
    (filter.index === undefined || filter.index === event.index) &&
    (filter.since === undefined || Date.parse(event.time) >= filter.since.getTime()) &&
    (filter.until === undefined || Date.parse(event.time) <= filter.until.getTime()) &&
    (wanted === undefined ||
      Object.values(event.personal).some((value) => value?.toLowerCase().includes(wanted)))
  );
}

/** Events in the order of the log. Lines that are no lines are passed over; `verifyLog` names them. */
export async function* readEvents(
  segments: Segments,
  filter: EventFilter = {},
): AsyncGenerator<RecordedEvent> {
  for await (const line of readLines(segments)) {
    const event = readEvent(line);
    if (event !== null && matchesFilter(event, filter)) yield event;
  }
}

/** The newest `limit` events that the filter asks for, oldest first; holds no more than that. */
export async function recentEvents(
  segments: Segments,
  filter: EventFilter,
  limit: number,
): Promise<RecordedEvent[]> {
  const kept: RecordedEvent[] = [];
  for await (const event of readEvents(segments, filter)) {
    kept.push(event);
    if (kept.length >= limit * 2) kept.splice(0, kept.length - limit);
  }
  return kept.slice(-limit);
}

const hex = z.string().regex(/^[0-9a-f]{64}$/);

/** One event, where it stands, and the signed head that covers it: enough to prove it offline. */
export const eventProofSchema = z.strictObject({
  format: z.literal('sallyport audit proof v1'),
  index: z.int().nonnegative(),
  leaf: z.string(),
  personal: z.record(z.string(), z.strictObject({ salt: z.string(), value: z.string() })),
  /** RFC 9162 section 2.1.3.1. */
  path: z.array(hex).max(64),
  head: signedHeadSchema,
});
export type EventProof = z.infer<typeof eventProofSchema>;

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

/** True if the head is signed by the log key and covers exactly this leaf at this index. */
export function verifyEventProof(proof: EventProof, publicKey: KeyObject): boolean {
  const claim = {
    hash: leafHash(proof.leaf),
    index: proof.index,
    size: proof.head.size,
    root: Buffer.from(proof.head.root, 'hex'),
  };
  const path = proof.path.map((node) => Buffer.from(node, 'hex'));
  return (
    verifyHead(proof.head, publicKey) &&
    parseLeaf(proof.leaf)?.index === proof.index &&
    verifyInclusion(claim, path)
  );
}
