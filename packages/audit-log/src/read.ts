import { type LeafContent, parseLeaf } from './leaf.ts';
import { type LogLine, parseLogLine } from './line.ts';
import { LOOKS_MARKED, showPersonal } from './personal-text.ts';
import { splitLines } from './split-lines.ts';
import type { SegmentSource } from './verdict.ts';

/** An event as the log holds it. A personal value that was withheld or erased is null. */
export interface RecordedEvent {
  readonly index: number;
  readonly time: string;
  readonly kind: string;
  readonly queueId: string | null;
  /** All else that the event says, by name; in its texts as well what is withheld is not there. */
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

export type Segments = AsyncIterable<SegmentSource> | Iterable<SegmentSource>;

/** All lines that are lines. */
export async function* readLines(segments: Segments): AsyncGenerator<LogLine> {
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
  return content === null
    ? null
    : eventOf(content, line.leaf, (name) => line.personal?.[name]?.value);
}

/** The event that a leaf is of, with the personal values that are there. */
export function eventOf(
  content: LeafContent,
  leaf: string,
  given: (name: string) => string | null | undefined,
): RecordedEvent {
  const { index, time, kind, queueId = null, personal: hashes, ...said } = content;
  const personal: Record<string, string | null> = {};
  for (const name of Object.keys(hashes ?? {})) personal[name] = given(name) ?? null;
  const facts = LOOKS_MARKED.test(leaf) ? showPersonal(said, personal) : said;
  return { index, time, kind, queueId, facts, personal, leaf };
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
