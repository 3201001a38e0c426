import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { formatTlsReportMail } from '@sallyport/dsn';
import type { Content, Mailbox, QueueId } from '@sallyport/mail';
import {
  formatTlsReport,
  type ReportedPolicy,
  type TlsReport,
  tlsReportFilename,
} from '@sallyport/transport';
import { bounds } from './window.ts';

/** One report, ready to go either way. */
export interface ComposedReport {
  readonly report: TlsReport;
  readonly packed: Buffer;
  readonly filename: string;
  readonly domain: string;
  /** Our domain. */
  readonly submitter: string;
}

interface Subject {
  readonly day: string;
  readonly domain: string;
  readonly policies: readonly ReportedPolicy[];
  readonly gatewayName: string;
  readonly submitter: string;
}

/** Makes the report of a domain over a day: the same facts give the same report, id included. */
export function composeReport(subject: Subject): ComposedReport {
  const { day, domain, policies, gatewayName, submitter } = subject;
  const { start, end } = bounds(day);
  const uniqueId = createHash('sha256')
    .update(`${gatewayName}\n${day}\n${domain}`)
    .digest('hex')
    .slice(0, 24);
  const report = {
    organisation: submitter,
    start,
    end,
    contact: `postmaster@${submitter}`,
    id: `${day}.${uniqueId}@${submitter}`,
    policies,
  };
  const packed = gzipSync(Buffer.from(formatTlsReport(report)));
  const filename = tlsReportFilename({ submitter, policyDomain: domain, start, end, uniqueId });
  return { report, packed, filename, domain, submitter };
}

/** The mail that carries it; worker outward adds our DKIM signature. */
export function reportMail(
  { report, packed, filename, domain, submitter }: ComposedReport,
  {
    to,
    from,
    date,
    id,
  }: {
    readonly to: Mailbox;
    readonly from: Mailbox;
    readonly date: Date;
    readonly id: QueueId;
  },
): Content {
  const sum = (pick: (one: ReportedPolicy) => number): number =>
    report.policies.reduce((total, one) => total + pick(one), 0);
  const [good, bad] = [sum((one) => one.successes), sum((one) => one.failures)];
  const day = report.start.toISOString().slice(0, 10);
  return formatTlsReportMail({
    ...{ domain, submitter, from, to, date, filename, packed },
    reportId: report.id,
    messageId: `<${id}@${submitter}>`,
    summary: `This is an aggregate TLS report of ${submitter} about sessions with mail servers of ${domain} on ${day} (UTC): ${good} succeeded, ${bad} failed. Details are in the attachment (RFC 8460).`,
  });
}
