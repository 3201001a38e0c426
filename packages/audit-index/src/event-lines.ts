import type { StatementSync } from 'node:sqlite';
import { type LogLine, parseLogLine, type RecordedEvent, readEvent } from '@sallyport/audit-log';
import { LineReader } from './folder.ts';
import { asRow, type IndexParts } from './search.ts';

/** Reads the lines of many events by their index; holds one file open until `close`. */
export class EventLines {
  readonly #row: StatementSync;
  readonly #lines: LineReader;

  constructor({ database, folder }: IndexParts) {
    this.#row = database.prepare('SELECT * FROM events WHERE idx = ?');
    this.#lines = new LineReader(folder);
  }

  /** `unknown`: the index has no such event; null: what lies in its place is no line of the log. */
  read(index: number): LogLine | 'unknown' | null {
    const row = this.#row.get(index);
    if (row === undefined) return 'unknown';
    const text = this.#lines.text(asRow(row).place);
    return text === null ? null : parseLogLine(text);
  }

  close(): void {
    this.#lines.close();
  }
}

/**
 * Events by their index as the log has them, not proven.
 *
 * @throws Error if one of them is there no more.
 */
export function* readIndexes(
  indexes: Iterable<number>,
  parts: IndexParts,
): Generator<RecordedEvent, undefined> {
  const lines = new EventLines(parts);
  try {
    for (const index of indexes) {
      const line = lines.read(index);
      const event = line === null || line === 'unknown' ? null : readEvent(line);
      if (event?.index !== index) throw new Error(`event ${index} cannot be read`);
      yield event;
    }
  } finally {
    lines.close();
  }
  return undefined;
}
