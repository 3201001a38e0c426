import type { DatabaseSync } from 'node:sqlite';

/** Goes up with every change of the tables or of what is put into them: an older index is built anew. */
const VERSION = 3;

/**
 * No address lies here in clear but as a word of `terms`; all else that is personal is read out of
 * the log, so that what is erased there is gone for whoever asks.
 */
const TABLES = `
CREATE TABLE segments (
  first INTEGER PRIMARY KEY,
  leaves INTEGER NOT NULL,      -- under a head
  bytes INTEGER NOT NULL,       -- read so far: up to the end of the last head
  stamp TEXT NOT NULL,          -- of the file when it was read to its end; '' before
  root BLOB,                    -- once it is whole
  removed INTEGER NOT NULL      -- 1: retention left only the root
);
CREATE TABLE events (
  idx INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,          -- ms
  kind INTEGER NOT NULL,
  queue_id TEXT,
  first INTEGER NOT NULL,       -- the segment
  offset INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  tls TEXT                      -- of a relayed event
);
CREATE INDEX events_kind ON events (kind);
CREATE INDEX events_queue_id ON events (queue_id) WHERE queue_id IS NOT NULL;
CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE terms USING fts5(
  words, content='', contentless_delete=1, detail=none,
  tokenize="ascii tokenchars ':'"
);
CREATE TABLE chunks (
  chunk INTEGER PRIMARY KEY,    -- first leaf / 256
  root BLOB,                    -- once it is whole; before the hashes, so that it is read without them
  earliest INTEGER NOT NULL,
  latest INTEGER NOT NULL,
  hashes BLOB NOT NULL
);
CREATE TABLE messages (
  idx INTEGER PRIMARY KEY,
  queue_id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  origin TEXT NOT NULL,
  outcome TEXT NOT NULL,
  latency INTEGER,
  state TEXT NOT NULL
);
CREATE INDEX messages_outcome ON messages (outcome);
CREATE TABLE message_terms (
  term INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (term, idx)
) WITHOUT ROWID;
CREATE TABLE links (
  child TEXT PRIMARY KEY, parent TEXT NOT NULL, is_report INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX links_parent ON links (parent);
CREATE TABLE position (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL);
`;

const SETTINGS = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA busy_timeout = 5000;
PRAGMA cache_size = -65536;
PRAGMA temp_store = MEMORY;
`;

/** Makes the tables where they are missing or of another version; false if all was there. */
export function prepareTables(database: DatabaseSync): void {
  database.exec(SETTINGS);
  if (versionOf(database) !== VERSION) clearTables(database);
}

/** Forgets everything. */
export function clearTables(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const name of tablesOf(database)) database.exec(`DROP TABLE IF EXISTS "${name}"`);
    database.exec(TABLES);
    database.exec(`PRAGMA user_version = ${VERSION}`);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: DatabaseSync): unknown {
  return database.prepare('PRAGMA user_version').get()?.['user_version'];
}

/** The shadow tables of `terms` go with it. */
function tablesOf(database: DatabaseSync): string[] {
  const rows = database
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'terms\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .all();
  return rows.map((row) => String(row['name']));
}
