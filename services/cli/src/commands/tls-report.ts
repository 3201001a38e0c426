import {
  type FailureDetail,
  failuresOf,
  type KeptReport,
  type ReportedPolicy,
  readReport,
  reportFiles,
  storedReportId,
  successesOf,
} from '@sallyport/transport';
import { openGateway } from './gateway-access.ts';
import { note, print, printJson, printTable } from './output.ts';
import { numberOf } from './read-input.ts';
import { Complaint } from './run.ts';

const MAX_LIMIT = 10_000;
const MAX_CELL = 60;

export interface TlsReportOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly failures?: boolean;
  readonly limit?: string;
}

/** Prints the received reports. */
export async function runTlsReportList(options: TlsReportOptions): Promise<number> {
  const limit = numberOf(options.limit ?? '100', '--limit', MAX_LIMIT);
  const { layout } = await openGateway(options.config);
  const all: KeptReport[] = [];
  for (const name of await reportFiles(layout.tlsReportsReceived)) {
    const found = await readReport(layout.tlsReportsReceived, name);
    if (found === null) continue;
    if (options.failures === true && failuresOf(found.stored) === 0) continue;
    all.push(found);
  }
  all.sort((a, b) => a.stored.receivedAt.getTime() - b.stored.receivedAt.getTime());
  const shown = all.slice(-limit);
  if (options.json === true) for (const one of shown) printJson(jsonOf(one));
  else if (shown.length === 0) print('No TLS report was received.');
  else printTable([HEADINGS, ...shown.map(rowOf)]);
  if (all.length > shown.length) note(`There are ${all.length - shown.length} older ones.`);
  return 0;
}

/** Prints all of one report. */
export async function runTlsReportShow(id: string, options: TlsReportOptions): Promise<number> {
  const { layout } = await openGateway(options.config);
  const names = await reportFiles(layout.tlsReportsReceived);
  const name = names.find((one) => storedReportId(one) === id);
  const found = name === undefined ? null : await readReport(layout.tlsReportsReceived, name);
  if (found === null) throw new Complaint(`There is no TLS report ${id}.`);
  if (options.json === true) printJson(jsonOf(found));
  else printReport(found);
  return 0;
}

const HEADINGS = ['ID', 'DAY', 'SUBMITTER', 'ABOUT', 'SUCCEEDED', 'FAILED', 'FAILURES'];

function rowOf({ id, stored }: KeptReport): string[] {
  const { policies } = stored.report;
  const kinds = new Set(policies.flatMap(({ details }) => details.map(({ result }) => result)));
  return [
    id,
    stored.report.start.toISOString().slice(0, 10),
    cell(stored.submitter),
    cell(stored.domain),
    String(successesOf(stored)),
    String(failuresOf(stored)),
    [...kinds].slice(0, 3).join(', ') || '-',
  ];
}

function cell(text: string): string {
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text;
}

function jsonOf({ id, stored }: KeptReport): object {
  const { report, ...known } = stored;
  return { id, ...known, report };
}

function printReport({ id, stored }: KeptReport): void {
  const { report, submitter, dkimDomain, domain, receivedAt } = stored;
  printTable([
    ['id', id],
    ['about', domain],
    ['from', `${submitter}, proven by DKIM of ${dkimDomain}`],
    ['organisation', report.organisation],
    ['contact', report.contact],
    ['their id', report.id],
    ['time', `${report.start.toISOString()} to ${report.end.toISOString()}`],
    ['received', receivedAt.toISOString()],
  ]);
  for (const policy of report.policies) printPolicy(policy);
}

const POLICY_WORDS = { tlsa: 'DANE', sts: 'MTA-STS', 'no-policy-found': 'no policy' } as const;

function printPolicy({
  type,
  domain,
  strings,
  successes,
  failures,
  details,
}: ReportedPolicy): void {
  print('');
  print(`${POLICY_WORDS[type]} of ${domain}: ${successes} succeeded, ${failures} failed`);
  for (const line of strings) print(`  ${line}`);
  for (const one of details) print(`  ${one.sessions} × ${one.result}${placeOf(one)}`);
}

function placeOf({ mx, receivingIp, sendingIp, reason, moreUri }: FailureDetail): string {
  const at = mx === null && receivingIp === null ? '' : ` at ${mx ?? ''}[${receivingIp ?? '?'}]`;
  const from = sendingIp === null ? '' : ` from ${sendingIp}`;
  const why = reason === null ? '' : `: ${reason}`;
  return `${at}${from}${why}${moreUri === null ? '' : ` (${moreUri})`}`;
}
