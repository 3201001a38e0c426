import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { RecordedEvent } from '@sallyport/audit-log';
import { latencyOf, outcomeOf } from './message-outcome.ts';
import type { MessageState } from './message-state.ts';

import { formatPosition, type Position, parsePosition, START } from './position.ts';
import { eventTerms, messageTerm, suffixesOf } from './terms.ts';
import type { ReadLeaf } from './walk.ts';

/** Messages whose state stays in memory between their events. */
const MAX_CACHED = 10_000;
const MAX_PARENTS = 32;

/** A message as it is kept while the log is read. */
export interface OpenMessage {
  readonly index: number;
  readonly queueId: string;
  readonly at: number;
  readonly state: MessageState;
}

/** Writes what was read of the log; all within the caller's transactions. */
export class IndexStore {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #kinds = new Map<string, number>();
  /** By queue id; the least used goes first. */
  readonly #messages = new Map<string, OpenMessage>();
  readonly #changed = new Set<OpenMessage>();
  #version: number | null = null;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** What is in the tables is no more what is in memory. */
  forget(): void {
    this.#kinds.clear();
    this.#messages.clear();
    this.#changed.clear();
  }

  begin(): void {
    this.#database.exec('BEGIN IMMEDIATE');
    // SQLite changes it with each commit of somebody else: what he noted is not in memory.
    const version = Number(this.#prepare('PRAGMA data_version').get()?.['data_version']);
    if (version !== this.#version) this.forget();
    this.#version = version;
  }

  commit(): void {
    this.#writeMessages();
    this.#database.exec('COMMIT');
  }

  rollback(): void {
    this.forget();
    this.#database.exec('ROLLBACK');
  }

  position(): Position {
    const row = this.#prepare('SELECT value FROM position').get();
    return row === undefined ? START : parsePosition(String(row['value']));
  }

  setPosition(position: Position): void {
    this.#prepare('INSERT OR REPLACE INTO position VALUES (1, ?)').run(formatPosition(position));
  }

  addEvent(leaf: ReadLeaf, first: number): void {
    const { event, at, offset, bytes } = leaf;
    const kind = this.#kindOf(event.kind);
    const tls = event.kind === 'relayed' ? tlsLevelOf(event) : null;
    this.#prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)').run(
      event.index,
      at,
      kind,
      event.queueId,
      first,
      offset,
      bytes,
      tls,
    );
    this.#prepare('INSERT INTO terms (rowid, words) VALUES (?, ?)').run(
      event.index,
      eventTerms(event),
    );
  }

  #kindOf(name: string): number {
    const known = this.#kinds.get(name);
    if (known !== undefined) return known;
    this.#prepare('INSERT OR IGNORE INTO kinds (name) VALUES (?)').run(name);
    const id = Number(this.#prepare('SELECT id FROM kinds WHERE name = ?').get(name)?.['id']);
    this.#kinds.set(name, id);
    return id;
  }

  /** False if it is known already: a crash may put what made it into the log twice. */
  addMessage(message: OpenMessage): boolean {
    const { index, queueId, at, state } = message;
    const { outcome } = outcomeOf(state);
    const { changes } = this.#prepare(
      'INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, NULL, ?)',
    ).run(index, queueId, at, state.origin, outcome, JSON.stringify(state));
    if (changes === 0) return false;
    this.#keep(message);
    return true;
  }

  /** The message that an id is of: its own, or what it was made of. */
  messageOf(id: string): OpenMessage | null {
    let queueId = id;
    for (let steps = 0; steps < MAX_PARENTS; steps += 1) {
      const message = this.#message(queueId);
      if (message !== null) return message;
      const parent = this.#prepare('SELECT parent FROM links WHERE child = ?').get(queueId);
      if (parent === undefined) return null;
      queueId = String(parent['parent']);
    }
    return null;
  }

  #message(queueId: string): OpenMessage | null {
    const cached = this.#messages.get(queueId);
    if (cached !== undefined) return cached;
    const row = this.#prepare('SELECT idx, at, state FROM messages WHERE queue_id = ?').get(
      queueId,
    );
    if (row === undefined) return null;
    const state = parseState(row['state']);
    const message = { index: Number(row['idx']), queueId, at: Number(row['at']), state };
    this.#keep(message);
    return message;
  }

  #keep(message: OpenMessage): void {
    this.#messages.set(message.queueId, message);
    if (this.#messages.size <= MAX_CACHED) return;
    for (const [queueId, oldest] of this.#messages) {
      if (this.#changed.has(oldest)) continue;
      this.#messages.delete(queueId);
      return;
    }
  }

  changed(message: OpenMessage): void {
    this.#changed.add(message);
    this.#messages.delete(message.queueId);
    this.#messages.set(message.queueId, message);
  }

  #writeMessages(): void {
    const write = this.#prepare(
      'UPDATE messages SET outcome = ?, latency = ?, state = ? WHERE idx = ?',
    );
    for (const { index, at, state } of this.#changed) {
      write.run(outcomeOf(state).outcome, latencyOf(state, at), JSON.stringify(state), index);
    }
    this.#changed.clear();
  }

  addLink(link: { child: string; parent: string; isReport: boolean }): void {
    this.#prepare('INSERT OR IGNORE INTO links VALUES (?, ?, ?)').run(
      link.child,
      link.parent,
      link.isReport ? 1 : 0,
    );
  }

  addMessageTerms(index: number, of: { addresses: string[]; domains: string[] }): void {
    const insert = this.#prepare('INSERT OR IGNORE INTO message_terms VALUES (?, ?)');
    for (const address of of.addresses) insert.run(messageTerm('address', address), index);
    const domains = new Set(of.domains.flatMap(suffixesOf));
    for (const domain of domains) insert.run(messageTerm('domain', domain), index);
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** What this package itself wrote. */
export function parseState(text: unknown): MessageState {
  return JSON.parse(String(text)) as MessageState;
}

/** The TLS level of a relay; `clear` if it went without. */
function tlsLevelOf({ facts }: RecordedEvent): string {
  const { tls } = facts;
  if (typeof tls !== 'object' || tls === null) return 'clear';
  return 'level' in tls && typeof tls.level === 'string' ? tls.level : 'tls';
}
