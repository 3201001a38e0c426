import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { RecordedEvent } from '@sallyport/audit-log';
import { LineReader, type Place } from './folder.ts';
import { HashStore } from './hashes.ts';
import { termsQuery } from './terms.ts';
import type { AuditQuery, EventPage } from './types.ts';

const MAX_LIMIT = 10_000;

/** What questions work on. */
export interface IndexParts {
  readonly folder: string;
  readonly database: DatabaseSync;
  readonly segmentLeaves: number;
}

/** @throws RangeError unless 1 <= limit <= 10,000. */
export function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return;
  throw new RangeError(`a page has 1 to ${MAX_LIMIT} rows, not ${limit}`);
}

interface Row {
  readonly index: number;
  readonly place: Place;
}

/** Events that a query asks for, newest first. */
export function searchEvents(query: AuditQuery, parts: IndexParts): EventPage {
  checkLimit(query.limit);
  const rows: Row[] = [];
  for (const row of matchingRows(query, parts)) {
    rows.push(row);
    if (rows.length > query.limit) break;
  }
  const page = rows.slice(0, query.limit);
  const before = rows.length > query.limit ? (page.at(-1)?.index ?? null) : null;
  return { events: readRows(page, parts), before };
}

/** Indexes of all events that a query asks for, newest first, up to `max`; their lines are not read. */
export function findIndexes(
  query: Omit<AuditQuery, 'limit'>,
  max: number,
  parts: IndexParts,
): number[] {
  const found: number[] = [];
  for (const { index } of matchingRows(query, parts)) {
    if (found.length >= max) break;
    found.push(index);
  }
  return found;
}

/** Their lines; one that is there no more is passed over until the index is brought up to date. */
export function readRows(rows: readonly Row[], { folder }: IndexParts): RecordedEvent[] {
  const lines = new LineReader(folder);
  try {
    return rows.flatMap(({ index, place }) => lines.event(index, place) ?? []);
  } finally {
    lines.close();
  }
}

/** The row of one event; null if the index has none. */
export function rowOf(index: number, { database }: IndexParts): Row | null {
  const row = database.prepare('SELECT * FROM events WHERE idx = ?').get(index);
  return row === undefined ? null : asRow(row);
}

export function asRow(row: Record<string, unknown>): Row {
  const place = {
    first: Number(row['first']),
    offset: Number(row['offset']),
    bytes: Number(row['bytes']),
  };
  return { index: Number(row['idx']), place };
}

interface Bounds {
  readonly from: number;
  readonly to: number;
  readonly since: number;
  readonly until: number;
}

function matchingRows(query: Omit<AuditQuery, 'limit'>, { database }: IndexParts): Iterable<Row> {
  const range = new HashStore(database).rangeOfTimes(query.since, query.until);
  const bounds: Bounds = {
    from: range.from,
    to: Math.min(range.to, query.before ?? Number.MAX_SAFE_INTEGER),
    since: query.since?.getTime() ?? 0,
    until: query.until?.getTime() ?? Number.MAX_SAFE_INTEGER,
  };
  if (query.kinds?.length === 0) return [];
  const { text = '' } = query;
  // Words were asked for, and there is none in them: it may not be as if nobody had asked.
  if (text.trim() !== '' && termsQuery({ text }) === null) return [];
  const words = termsQuery(query);
  if (words !== null) return byTerms(words, query, bounds, database);
  const kinds = query.kinds === undefined ? null : kindIds(query.kinds, database);
  if (query.queueId !== undefined) return byQueueId(query.queueId, kinds, bounds, database);
  return kinds === null ? byTime(bounds, database) : byKinds(kinds, bounds, database);
}

function kindIds(kinds: readonly string[], database: DatabaseSync): number[] {
  const find = database.prepare('SELECT id FROM kinds WHERE name = ?');
  return [...new Set(kinds)].flatMap((kind) => {
    const id = find.get(kind)?.['id'];
    return id === undefined ? [] : [Number(id)];
  });
}

const IN_BOUNDS = 'idx >= ? AND idx < ? AND at >= ? AND at <= ?';
const valuesOf = ({ from, to, since, until }: Bounds): number[] => [from, to, since, until];

function* rows(
  database: DatabaseSync,
  sql: string,
  values: SQLInputValue[],
): Generator<Row, undefined> {
  for (const row of database.prepare(sql).iterate(...values)) yield asRow(row);
  return undefined;
}

function byTime(bounds: Bounds, database: DatabaseSync): Iterable<Row> {
  const sql = `SELECT * FROM events WHERE ${IN_BOUNDS} ORDER BY idx DESC`;
  return rows(database, sql, valuesOf(bounds));
}

function byQueueId(
  queueId: string,
  kinds: readonly number[] | null,
  bounds: Bounds,
  database: DatabaseSync,
): Iterable<Row> {
  const ofKinds = kinds === null ? '' : `AND kind IN (${kinds.join(',')})`;
  const sql = `SELECT * FROM events WHERE queue_id = ? AND ${IN_BOUNDS} ${ofKinds} ORDER BY idx DESC`;
  return rows(database, sql, [queueId, ...valuesOf(bounds)]);
}

/** Each kind newest first, merged: none of them is sorted as a whole. */
function* byKinds(
  kinds: readonly number[],
  bounds: Bounds,
  database: DatabaseSync,
): Generator<Row> {
  const sql = `SELECT * FROM events INDEXED BY events_kind WHERE kind = ? AND ${IN_BOUNDS} ORDER BY idx DESC`;
  const sources = kinds.map((kind) => rows(database, sql, [kind, ...valuesOf(bounds)]));
  const fronts = sources.flatMap((source) => {
    const first = source.next();
    return first.done === true ? [] : [{ source, row: first.value }];
  });
  while (fronts.length > 0) {
    let newest = 0;
    for (const [n, { row }] of fronts.entries()) {
      if (row.index > (fronts[newest]?.row.index ?? -1)) newest = n;
    }
    const front = fronts[newest];
    if (front === undefined) return;
    yield front.row;
    const next = front.source.next();
    if (next.done === true) fronts.splice(newest, 1);
    else fronts[newest] = { source: front.source, row: next.value };
  }
}

function* byTerms(
  words: string,
  query: Omit<AuditQuery, 'limit'>,
  bounds: Bounds,
  database: DatabaseSync,
): Generator<Row> {
  const { from, to, since, until } = bounds;
  const found = database
    .prepare(
      'SELECT rowid AS idx FROM terms WHERE terms MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid DESC',
    )
    .iterate(words, from, to);
  const read = database.prepare('SELECT * FROM events WHERE idx = ?');
  for (const { idx } of found) {
    const row = idx === undefined ? undefined : read.get(idx);
    if (row === undefined) continue;
    const at = Number(row['at']);
    if (at < since || at > until) continue;
    if (query.queueId !== undefined && row['queue_id'] !== query.queueId) continue;
    yield asRow(row);
  }
}
