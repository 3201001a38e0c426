import type { ExportOptions } from './export.ts';

/** The files of an export. */
export const EXPORT_FILES = {
  proof: 'proof.jsonl',
  csv: 'events.csv',
  json: 'events.jsonl',
  readme: 'README.txt',
} as const;

/** What lies beside them for who gets an export. */
export const EXPORT_README = `An export of a Sallyport audit log.

events.csv or events.jsonl   the events, to be read
proof.jsonl                  the same events with what proves them: one signed head, and for each
                             event its exact text and its path to that head (RFC 9162 section 2.1.3)

Check it on any machine, without the gateway:

  sallyport audit verify FOLDER --key LOG-KEY

LOG-KEY is the log's public key from somebody other than the server's admin. The check also finds
that events.csv or events.jsonl differs from the proof. It cannot say that nothing was left out of
the selection. A personal value that is withheld is (withheld) in the CSV and null in JSON; whoever
gives you salt and value later proves that it was this value. In the CSV an apostrophe stands before
a cell that a spreadsheet would take for a formula.
`;

/** What was asked for in words, without an address or a name: those may be what is withheld. */
export function selectionOf(query: ExportOptions['query']): string {
  const { kinds, queueId, address, domain, text, by, since, until } = query;
  const parts = [
    kinds === undefined ? '' : `kinds ${kinds.join(', ')}`,
    queueId === undefined ? '' : `queue id ${queueId}`,
    address === undefined ? '' : 'one address',
    domain === undefined ? '' : `domain ${domain}`,
    text === undefined ? '' : 'some words',
    by === undefined ? '' : 'one person',
    since === undefined ? '' : `since ${since.toISOString()}`,
    until === undefined ? '' : `until ${until.toISOString()}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'all events' : parts.join('; ');
}
