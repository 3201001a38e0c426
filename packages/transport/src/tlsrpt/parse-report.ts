import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import type { FailureDetail, ReportedPolicy, TlsReport } from './report.ts';

/** RFC 8460 section 5.2: what receivers take at the most, as a rule. */
export const MAX_REPORT_BYTES = 10 * 1024 * 1024;
const MAX_POLICIES = 1_000;
const MAX_DETAILS = 10_000;
const MAX_STRINGS = 100;
const MAX_TEXT = 2_000;

const text = z.string().max(MAX_TEXT);
const name = z.string().max(255);
const sessions = z.int().nonnegative();

const detailSchema = z.object({
  'result-type': z.string().regex(/^[a-z0-9-]{1,64}$/),
  'sending-mta-ip': z.string().max(64).nullish(),
  'receiving-mx-hostname': name.nullish(),
  'receiving-mx-helo': name.nullish(),
  'receiving-ip': z.string().max(64).nullish(),
  'failed-session-count': sessions,
  'additional-information': text.nullish(),
  'failure-reason-code': text.nullish(),
});

const policySchema = z.object({
  policy: z.object({
    'policy-type': z.enum(['tlsa', 'sts', 'no-policy-found']),
    'policy-string': z.array(text).max(MAX_STRINGS).nullish(),
    'policy-domain': name,
    // RFC 8460 section 4.4 says an array, its appendix B shows a string.
    'mx-host': z.union([name, z.array(name).max(MAX_STRINGS)]).nullish(),
  }),
  summary: z.object({
    'total-successful-session-count': sessions,
    'total-failure-session-count': sessions,
  }),
  'failure-details': z.array(detailSchema).max(MAX_DETAILS).nullish(),
});

const time = z.iso.datetime({ offset: true });

const reportSchema = z.object({
  'organization-name': text,
  'date-range': z.object({ 'start-datetime': time, 'end-datetime': time }),
  'contact-info': z.string().max(320),
  'report-id': z.string().min(1).max(1_000),
  policies: z.array(policySchema).max(MAX_POLICIES),
});

export type ParsedTlsReport =
  | { readonly kind: 'report'; readonly report: TlsReport }
  | { readonly kind: 'malformed'; readonly reason: string };

/**
 * Reads a report that a stranger sent (RFC 8460 section 4.4). Fields that are not known are passed
 * over; lengths and numbers are bounded. Nothing that it says is proven.
 */
export function parseTlsReport(bytes: Buffer): ParsedTlsReport {
  if (bytes.length > MAX_REPORT_BYTES) return malformed('it is longer than 10 MiB');
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return malformed('it is not JSON');
  }
  const parsed = reportSchema.safeParse(json);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') ?? '';
    return malformed(`its field "${where}" is not as RFC 8460 has it`);
  }
  const { data } = parsed;
  const details = data.policies.reduce(
    (sum, one) => sum + (one['failure-details'] ?? []).length,
    0,
  );
  if (details > MAX_DETAILS) return malformed('it has too many failure details');
  const range = data['date-range'];
  return {
    kind: 'report',
    report: {
      organisation: data['organization-name'],
      start: new Date(range['start-datetime']),
      end: new Date(range['end-datetime']),
      contact: data['contact-info'],
      id: data['report-id'],
      policies: data.policies.map(policyOf),
    },
  };
}

/** As `parseTlsReport`, of the compressed form; never unpacks more than a report may be long. */
export function unpackTlsReport(packed: Buffer): ParsedTlsReport {
  let bytes: Buffer;
  try {
    bytes = gunzipSync(packed, { maxOutputLength: MAX_REPORT_BYTES });
  } catch {
    return malformed('it cannot be unpacked, or is longer than 10 MiB');
  }
  return parseTlsReport(bytes);
}

function policyOf(one: z.infer<typeof policySchema>): ReportedPolicy {
  const { policy, summary } = one;
  const mx = policy['mx-host'] ?? [];
  return {
    type: policy['policy-type'],
    domain: policy['policy-domain'],
    strings: policy['policy-string'] ?? [],
    mxHosts: typeof mx === 'string' ? [mx] : mx,
    successes: summary['total-successful-session-count'],
    failures: summary['total-failure-session-count'],
    details: (one['failure-details'] ?? []).map(detailOf),
  };
}

function detailOf(one: z.infer<typeof detailSchema>): FailureDetail {
  return {
    result: one['result-type'],
    sendingIp: one['sending-mta-ip'] ?? null,
    mx: one['receiving-mx-hostname'] ?? null,
    helo: one['receiving-mx-helo'] ?? null,
    receivingIp: one['receiving-ip'] ?? null,
    sessions: one['failed-session-count'],
    moreUri: one['additional-information'] ?? null,
    reason: one['failure-reason-code'] ?? null,
  };
}

function malformed(reason: string): ParsedTlsReport {
  return { kind: 'malformed', reason };
}
