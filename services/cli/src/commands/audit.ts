import {
  AUDIT_EVENT_KINDS,
  type EventFilter,
  type RecordedEvent,
  readEvents,
  recentEvents,
} from '@sallyport/audit-log';
import { auditSegments } from '../gateway/audit-folder.ts';
import { openGateway } from './gateway-access.ts';
import { print, printJson, printTable } from './output.ts';
import { numberOf, timeOf } from './read-input.ts';
import { Complaint } from './run.ts';

const DEFAULT_LIMIT = '100';
const MAX_LIMIT = 1_000_000;

export interface AuditListOptions {
  readonly config?: string;
  readonly queueId?: string;
  readonly kind?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

/** Prints the newest events that the options ask for, oldest first. */
export async function runAuditList(
  folder: string | undefined,
  options: AuditListOptions,
): Promise<number> {
  const limit = numberOf(options.limit ?? DEFAULT_LIMIT, '--limit', MAX_LIMIT);
  const segments = await auditSegments(await auditFolder(folder, options.config));
  const events = await recentEvents(segments, filterOf(options), limit);
  if (options.json === true) for (const event of events) printJson(withoutLeaf(event));
  else {
    printTable(
      events.map((event) => [
        String(event.index),
        event.time,
        event.kind,
        event.queueId ?? '-',
        summaryOf(event),
      ]),
    );
  }
  return 0;
}

/** Prints all that is recorded of one event, by its number, or of one message, by its queue id. */
export async function runAuditShow(
  which: string,
  folder: string | undefined,
  options: { readonly config?: string; readonly json?: boolean },
): Promise<number> {
  const filter: EventFilter = /^\d+$/.test(which) ? { index: Number(which) } : { queueId: which };
  let found = 0;
  const segments = await auditSegments(await auditFolder(folder, options.config));
  for await (const event of readEvents(segments, filter)) {
    found += 1;
    if (options.json === true) printJson(withoutLeaf(event));
    else printEvent(event);
    if (filter.index !== undefined) break;
  }
  if (found === 0) throw new Complaint(`The log has nothing under ${which}.`);
  return 0;
}

async function auditFolder(
  folder: string | undefined,
  config: string | undefined,
): Promise<string> {
  if (folder !== undefined) return folder;
  if (config === undefined)
    throw new Complaint('Name the audit folder, or the gateway with --config.');
  return (await openGateway(config)).layout.audit;
}

function filterOf(options: AuditListOptions): EventFilter {
  const { kind, queueId, since, until } = options;
  return {
    ...(kind === undefined ? {} : { kinds: eventKinds(kind) }),
    ...(queueId === undefined ? {} : { queueId }),
    ...(since === undefined ? {} : { since: timeOf(since) }),
    ...(until === undefined ? {} : { until: timeOf(until) }),
  };
}

/** Kinds of events as the command line names them. @throws Complaint for one that there is not. */
export function eventKinds(kinds: readonly string[]): readonly string[] {
  const unknown = kinds.find((kind) => !(AUDIT_EVENT_KINDS as readonly string[]).includes(kind));
  if (unknown === undefined) return kinds;
  throw new Complaint(
    `There is no event ${unknown}; the events are ${AUDIT_EVENT_KINDS.join(', ')}.`,
  );
}

function withoutLeaf({ leaf: _, ...event }: RecordedEvent): object {
  return event;
}

/** The sentence if there is one; else the plain facts in a row. */
function summaryOf({ facts, personal }: RecordedEvent): string {
  if (typeof facts['sentence'] === 'string') return facts['sentence'];
  const words = Object.entries({ ...facts, ...personal }).flatMap(([name, value]) =>
    ['string', 'number', 'boolean'].includes(typeof value) ? [`${name}=${String(value)}`] : [],
  );
  return words.join(' ');
}

function printEvent(event: RecordedEvent): void {
  print(`event ${event.index}: ${event.kind}`);
  const rows: string[][] = [['time', event.time]];
  if (event.queueId !== null) rows.push(['queue id', event.queueId]);
  for (const [name, value] of Object.entries(event.facts)) {
    rows.push([name, typeof value === 'string' ? value : JSON.stringify(value)]);
  }
  for (const [name, value] of Object.entries(event.personal)) {
    rows.push([name, value ?? '(withheld)']);
  }
  printTable(rows.map(([name = '', value = '']) => [`  ${name}`, value]));
}
