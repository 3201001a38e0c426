import { parseJson } from '@sallyport/mail';
import { z } from 'zod';
import { parseTlsReport } from './parse-report.ts';
import { type TlsReport, tlsReportJson } from './report.ts';

/** A report that was received, with what was proven about it. */
export interface StoredTlsReport {
  /** The domain of ours that it is about. */
  readonly domain: string;
  /** Whose it is, proven by DKIM. */
  readonly submitter: string;
  /** The domain of the DKIM signature that proves it. */
  readonly dkimDomain: string;
  readonly receivedAt: Date;
  readonly report: TlsReport;
}

const fileSchema = z.strictObject({
  version: z.literal(1),
  domain: z.string(),
  submitter: z.string(),
  dkimDomain: z.string(),
  receivedAt: z.iso.datetime(),
  report: z.unknown(),
});

const NAME = /^[0-9a-f]{16}-([0-9a-f]{16})\.json$/;

/** The file name of a stored report: `submitter` and `id` are hashes of 16 digits. */
export function storedReportName(submitter: string, id: string): string {
  return `${submitter}-${id}.json`;
}

/** The id that people type, out of a file name; null if it is none. */
export function storedReportId(name: string): string | null {
  return NAME.exec(name)?.[1] ?? null;
}

/** The text of the file of a stored report; `parseStoredReport` reads it back. */
export function formatStoredReport(stored: StoredTlsReport): string {
  const { report, receivedAt, ...known } = stored;
  return JSON.stringify({
    version: 1,
    ...known,
    receivedAt: receivedAt.toISOString(),
    report: tlsReportJson(report),
  });
}

/** @returns null if the file is not one of ours. */
export function parseStoredReport(text: string): StoredTlsReport | null {
  const file = fileSchema.safeParse(parseJson(text));
  if (!file.success) return null;
  const { domain, submitter, dkimDomain, receivedAt } = file.data;
  const parsed = parseTlsReport(Buffer.from(JSON.stringify(file.data.report) ?? ''));
  if (parsed.kind === 'malformed') return null;
  const { report } = parsed;
  return { domain, submitter, dkimDomain, receivedAt: new Date(receivedAt), report };
}
