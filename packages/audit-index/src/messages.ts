import type { SQLInputValue } from 'node:sqlite';
import type { RecordedEvent } from '@sallyport/audit-log';
import { HashStore } from './hashes.ts';
import { outcomeOf } from './message-outcome.ts';
import { count } from './message-state.ts';
import { asRow, checkLimit, type IndexParts, readRows, rowOf } from './search.ts';
import { parseState } from './store.ts';
import { forwardPathsOf, messageTerm } from './terms.ts';
import type { MessageHistory, MessagePage, MessageQuery, MessageSummary } from './types.ts';

const MAX_EVENTS = 2_000;
const MAX_INDEXES = 100_000;
const MAX_RELATED = 500;
const MAX_PARENTS = 32;

/** One row for each message that a query asks for, newest first. */
export function findMessages(query: MessageQuery, parts: IndexParts): MessagePage {
  checkLimit(query.limit);
  const { sql, values } = statementOf(query, parts);
  const rows = parts.database.prepare(`${sql} LIMIT ?`).all(...values, query.limit + 1);
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  const before = rows.length > query.limit && last !== undefined ? Number(last['idx']) : null;
  return { messages: page.flatMap((row) => summaryOf(row, parts) ?? []), before };
}

function statementOf(
  query: MessageQuery,
  parts: IndexParts,
): { sql: string; values: SQLInputValue[] } {
  const { since, until } = query;
  const range = new HashStore(parts.database).rangeOfTimes(since, until);
  const terms = [
    ...(query.address === undefined ? [] : [messageTerm('address', query.address)]),
    ...(query.domain === undefined ? [] : [messageTerm('domain', query.domain)]),
  ];
  const conditions = ['m.idx >= ?', 'm.idx < ?', 'm.at >= ?', 'm.at <= ?'];
  const values: SQLInputValue[] = [
    range.from,
    Math.min(range.to, query.before ?? Number.MAX_SAFE_INTEGER),
    since?.getTime() ?? 0,
    until?.getTime() ?? Number.MAX_SAFE_INTEGER,
  ];
  if (query.outcome !== undefined) {
    conditions.push('m.outcome = ?');
    values.push(query.outcome);
  }
  if (query.queueId !== undefined) {
    conditions.push('m.queue_id = ?');
    values.push(ownerOf(query.queueId, parts) ?? '');
  }
  const joins = terms.map((term, n) => {
    conditions.push(`t${n}.term = ?`);
    values.push(term);
    return `JOIN message_terms t${n} ON t${n}.idx = m.idx`;
  });
  const order = terms.length > 0 ? 't0.idx' : 'm.idx';
  const sql = `SELECT m.* FROM messages m ${joins.join(' ')} WHERE ${conditions.join(' AND ')} ORDER BY ${order} DESC`;
  return { sql, values };
}

/** The queue id of the message that an id is of; null if no message is known. */
function ownerOf(queueId: string, { database }: IndexParts): string | null {
  const isMessage = database.prepare('SELECT 1 FROM messages WHERE queue_id = ?');
  const parentOf = database.prepare('SELECT parent FROM links WHERE child = ?');
  let id = queueId;
  for (let steps = 0; steps < MAX_PARENTS; steps += 1) {
    if (isMessage.get(id) !== undefined) return id;
    const parent = parentOf.get(id);
    if (parent === undefined) return null;
    id = String(parent['parent']);
  }
  return null;
}

function summaryOf(row: Record<string, unknown>, parts: IndexParts): MessageSummary | null {
  const state = parseState(row['state']);
  const index = Number(row['idx']);
  const { outcome, said } = outcomeOf(state);
  const [first] = eventsAt([index], parts);
  if (first === undefined) return null; // removed or replaced since
  const [why] = said === null ? [] : eventsAt([said], parts);
  return {
    index,
    queueId: String(row['queue_id']),
    time: first.time,
    origin: state.origin,
    ...pathsOf(first, parts),
    outcome,
    recipients: count(state),
    sentence: sentenceOf(why),
    partnerDomains: [...state.domains],
  };
}

function pathsOf(
  first: RecordedEvent,
  parts: IndexParts,
): Pick<MessageSummary, 'reversePath' | 'forwardPaths'> {
  if (first.kind === 'dsn-created') {
    // RFC 3464 section 2: a report goes to the reverse-path of that of which it tells.
    const owner = first.queueId === null ? null : ownerOf(first.queueId, parts);
    const told = owner === null ? null : acceptedOf(owner, parts);
    const to = told?.personal['reversePath'] ?? null;
    return { reversePath: '', forwardPaths: to === null || to === '' ? null : [to] };
  }
  return {
    reversePath: first.personal['reversePath'] ?? null,
    forwardPaths: forwardPathsOf(first.personal),
  };
}

function acceptedOf(queueId: string, parts: IndexParts): RecordedEvent | null {
  const row = parts.database.prepare('SELECT idx FROM messages WHERE queue_id = ?').get(queueId);
  return row === undefined ? null : (eventsAt([Number(row['idx'])], parts)[0] ?? null);
}

function sentenceOf(event: RecordedEvent | undefined): string {
  const { sentence, reason } = event?.facts ?? {};
  if (typeof sentence === 'string') return sentence;
  return typeof reason === 'string' ? reason : '';
}

function eventsAt(indexes: readonly number[], parts: IndexParts): RecordedEvent[] {
  return readRows(
    indexes.flatMap((index) => rowOf(index, parts) ?? []),
    parts,
  );
}

/** All that is known of the message that an id is of. */
export function messageHistory(queueId: string, parts: IndexParts): MessageHistory | null {
  const { database } = parts;
  const owner = ownerOf(queueId, parts) ?? queueId;
  const made = madeOf(owner, parts);
  const ids = [owner, ...made];
  const marks = ids.map(() => '?').join(',');
  const found = (columns: string, max: number) =>
    database
      .prepare(
        `SELECT ${columns} FROM events WHERE queue_id IN (${marks}) OR idx = (SELECT idx FROM messages WHERE queue_id = ?) ORDER BY idx LIMIT ?`,
      )
      .all(...ids, owner, max);
  const rows = found('*', MAX_EVENTS);
  if (rows.length === 0) return null;
  const row = database.prepare('SELECT * FROM messages WHERE queue_id = ?').get(owner);
  const toldOf = database.prepare('SELECT parent FROM links WHERE child = ?').get(owner);
  const above = toldOf === undefined ? [] : [String(toldOf['parent'])];
  return {
    summary: row === undefined ? null : summaryOf(row, parts),
    events: readRows(rows.map(asRow), parts),
    indexes: found('idx', MAX_INDEXES).map((one) => Number(one['idx'])),
    related: [...above, ...made],
  };
}

/** Ids of all that was made of an id, near ones first; bounded. */
function madeOf(owner: string, { database }: IndexParts): string[] {
  const find = database.prepare('SELECT child FROM links WHERE parent = ? ORDER BY child');
  const found: string[] = [];
  const known = new Set([owner]);
  for (const id of known) {
    for (const row of find.all(id)) {
      const child = String(row['child']);
      if (known.has(child) || known.size > MAX_RELATED) continue;
      known.add(child);
      found.push(child);
    }
  }
  return found;
}
