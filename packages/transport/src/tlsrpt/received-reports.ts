import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifGone } from '@sallyport/disk';
import type { ReportedPolicy } from './report.ts';
import { parseStoredReport, type StoredTlsReport, storedReportId } from './stored-report.ts';

/** A report that is kept, with the id that people type. */
export interface KeptReport {
  readonly id: string;
  readonly stored: StoredTlsReport;
}

/** What a received report says, in few words: failures added up, the most first. */
export interface ReportSummary {
  readonly id: string;
  readonly domain: string;
  readonly submitter: string;
  readonly dkimDomain: string;
  readonly organisation: string;
  readonly contact: string;
  readonly start: string;
  readonly end: string;
  readonly receivedAt: string;
  readonly successes: number;
  readonly failures: number;
  readonly details: {
    readonly policy: ReportedPolicy['type'];
    readonly result: string;
    readonly mx: string | null;
    readonly reason: string | null;
    readonly sessions: number;
  }[];
}

const MAX_DETAILS = 20;

/** Names of all files in the folder; none before the first report. */
export async function reportFiles(folder: string): Promise<string[]> {
  return await readdir(folder).catch(ifGone([]));
}

/** @returns null if the file is no report of ours. */
export async function readReport(folder: string, name: string): Promise<KeptReport | null> {
  const id = storedReportId(name);
  if (id === null) return null;
  const stored = parseStoredReport(await readFile(join(folder, name), 'utf8').catch(ifGone('')));
  return stored === null ? null : { id, stored };
}

/** Sessions that failed, of all policies. */
export function failuresOf({ report }: StoredTlsReport): number {
  return report.policies.reduce((sum, one) => sum + one.failures, 0);
}

/** Sessions that succeeded, of all policies. */
export function successesOf({ report }: StoredTlsReport): number {
  return report.policies.reduce((sum, one) => sum + one.successes, 0);
}

/**
 * The newest reports, read only as far as they are asked for.
 *
 * @param page `before`: those that came earlier than the report of that id.
 * @returns `before` for the next page; null after the oldest.
 */
export async function newestReports(
  folder: string,
  page: { readonly limit: number; readonly before?: string },
): Promise<{ readonly reports: ReportSummary[]; readonly before: string | null }> {
  const names = await newestFirst(folder);
  const at = names.findIndex((name) => storedReportId(name) === page.before);
  const reports: ReportSummary[] = [];
  let rest = names.slice(at + 1);
  while (rest.length > 0 && reports.length < page.limit) {
    const [name = '', ...others] = rest;
    rest = others;
    const found = await readReport(folder, name);
    if (found !== null) reports.push(summaryOf(found));
  }
  return { reports, before: rest.length > 0 ? (reports.at(-1)?.id ?? null) : null };
}

async function newestFirst(folder: string): Promise<string[]> {
  const timed = await Promise.all(
    (await reportFiles(folder)).map(async (name) => {
      const found = await stat(join(folder, name)).catch(() => null); // gone for newer ones
      return { name, time: found?.mtimeMs ?? 0 };
    }),
  );
  return timed
    .filter(({ name }) => storedReportId(name) !== null)
    .sort((a, b) => b.time - a.time || a.name.localeCompare(b.name))
    .map(({ name }) => name);
}

function summaryOf({ id, stored }: KeptReport): ReportSummary {
  const { domain, submitter, dkimDomain, receivedAt, report } = stored;
  return {
    id,
    domain,
    submitter,
    dkimDomain,
    organisation: report.organisation,
    contact: report.contact,
    start: report.start.toISOString(),
    end: report.end.toISOString(),
    receivedAt: receivedAt.toISOString(),
    successes: bounded(successesOf(stored)),
    failures: bounded(failuresOf(stored)),
    details: report.policies
      .flatMap(detailsOf)
      .sort((a, b) => b.sessions - a.sessions)
      .slice(0, MAX_DETAILS),
  };
}

function detailsOf({ type, details }: ReportedPolicy): ReportSummary['details'] {
  return details.map(({ result, mx, reason, sessions }) => ({
    policy: type,
    result,
    mx,
    reason,
    sessions: bounded(sessions),
  }));
}

/** What strangers report may add up to more than a number holds exactly. */
function bounded(sum: number): number {
  return Math.min(sum, Number.MAX_SAFE_INTEGER);
}
