import type { PublishedPolicy } from '../tls-result.ts';

/** A TLS report (RFC 8460 section 4.4), written or read. */
export interface TlsReport {
  readonly organisation: string;
  readonly start: Date;
  readonly end: Date;
  /** A mailbox; its domain is the submitter (RFC 8460 section 5.3). */
  readonly contact: string;
  readonly id: string;
  readonly policies: readonly ReportedPolicy[];
}

/** How sessions fared under one policy. */
export interface ReportedPolicy {
  readonly type: PublishedPolicy['type'];
  readonly domain: string;
  readonly strings: readonly string[];
  /** Of an MTA-STS policy: the patterns of hosts. */
  readonly mxHosts: readonly string[];
  readonly successes: number;
  readonly failures: number;
  readonly details: readonly FailureDetail[];
}

/** Sessions that failed alike. */
export interface FailureDetail {
  /** Of RFC 8460 section 4.3, or what others may add to it. */
  readonly result: string;
  readonly sendingIp: string | null;
  readonly mx: string | null;
  readonly helo: string | null;
  readonly receivingIp: string | null;
  readonly sessions: number;
  readonly moreUri: string | null;
  readonly reason: string | null;
}

/** The report as JSON (RFC 8460 section 4.4). */
export function formatTlsReport(report: TlsReport): string {
  return JSON.stringify(tlsReportJson(report));
}

/** What `formatTlsReport` writes, before it is text. */
export function tlsReportJson(report: TlsReport): object {
  return {
    'organization-name': report.organisation,
    'date-range': {
      'start-datetime': withoutFraction(report.start),
      'end-datetime': withoutFraction(report.end),
    },
    'contact-info': report.contact,
    'report-id': report.id,
    policies: report.policies.map(formatPolicy),
  };
}

function formatPolicy({ type, domain, strings, mxHosts, ...counts }: ReportedPolicy): object {
  return {
    policy: {
      'policy-type': type,
      ...(strings.length === 0 ? {} : { 'policy-string': strings }),
      'policy-domain': domain,
      ...(mxHosts.length === 0 ? {} : { 'mx-host': mxHosts }),
    },
    summary: {
      'total-successful-session-count': counts.successes,
      'total-failure-session-count': counts.failures,
    },
    ...(counts.details.length === 0 ? {} : { 'failure-details': counts.details.map(formatDetail) }),
  };
}

function formatDetail(detail: FailureDetail): object {
  const optional: Record<string, string | null> = {
    'sending-mta-ip': detail.sendingIp,
    'receiving-mx-hostname': detail.mx,
    'receiving-mx-helo': detail.helo,
    'receiving-ip': detail.receivingIp,
    'additional-information': detail.moreUri,
    'failure-reason-code': detail.reason,
  };
  const present = Object.entries(optional).filter(([, value]) => value !== null);
  return {
    'result-type': detail.result,
    ...Object.fromEntries(present),
    'failed-session-count': detail.sessions,
  };
}

/** RFC 3339 to the second, as the examples have it. */
function withoutFraction(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** RFC 8460 section 5.1: the name of a compressed report. */
export function tlsReportFilename(report: {
  readonly submitter: string;
  readonly policyDomain: string;
  readonly start: Date;
  readonly end: Date;
  readonly uniqueId: string;
}): string {
  const { submitter, policyDomain, start, end, uniqueId } = report;
  const seconds = (date: Date): number => Math.floor(date.getTime() / 1_000);
  return `${submitter}!${policyDomain}!${seconds(start)}!${seconds(end)}!${uniqueId}.json.gz`;
}
