import { WITHHELD } from './personal-text.ts';
import type { RecordedEvent } from './read.ts';

const COLUMNS = [
  'index',
  'time',
  'kind',
  'queueId',
  'sentence',
  'rule',
  'policyVersion',
  'reversePath',
  'forwardPaths',
  'otherPersonal',
  'facts',
] as const;
type Column = (typeof COLUMNS)[number];

/** The first line of an export, with its line end. */
export function csvHeader(): string {
  return csvLine(COLUMNS);
}

/** One event as a line with its line end (RFC 4180 section 2). */
export function csvEvent(event: RecordedEvent): string {
  const { sentence, rule, policyVersion, ...facts } = event.facts;
  const forwardPaths: string[] = [];
  const others: Record<string, string> = {};
  for (const [name, value] of Object.entries(event.personal)) {
    const text = value ?? WITHHELD;
    if (/^forwardPath(sMore)?(\.\d+)?$/.test(name)) forwardPaths.push(text);
    else if (name !== 'reversePath') others[name] = text;
  }
  const { reversePath } = event.personal;
  const cells: Record<Column, unknown> = {
    index: event.index,
    time: event.time,
    kind: event.kind,
    queueId: event.queueId,
    sentence,
    rule,
    policyVersion,
    reversePath: reversePath === null ? WITHHELD : reversePath,
    forwardPaths: forwardPaths.join(' '),
    otherPersonal: Object.keys(others).length === 0 ? '' : JSON.stringify(others),
    facts: Object.keys(facts).length === 0 ? '' : JSON.stringify(facts),
  };
  return csvLine(COLUMNS.map((column) => cells[column]));
}

/** RFC 4180 section 2: CRLF at its end; quotes around what holds a comma, a quote or a line end. */
function csvLine(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'number' ? String(value) : harmless(String(value));
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * A spreadsheet takes a cell that begins so for a formula, and strangers choose addresses and
 * replies: an apostrophe before it makes it text. Where numbers have commas, a cell also begins behind
 * a semicolon or a tab. Characters that nobody sees are passed over, as a spreadsheet may drop them.
 */
function harmless(text: string): string {
  const isUnclear = /^[\t\r\n]/.test(text);
  return (isUnclear ? `'${text}` : text).replace(FORMULA, "$<before>'$<formula>");
}

const FORMULA =
  /(?<before>^|[;\t])(?<formula>[\s\p{Cc}\p{Cf}]*[=+\-@|%\uff1d\uff0b\uff0d\uff20])/gu;
