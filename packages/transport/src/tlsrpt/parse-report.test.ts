import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseTlsReport, unpackTlsReport } from './parse-report.ts';
import { formatTlsReport, tlsReportFilename } from './report.ts';

/** RFC 8460 appendix B in our own names: the same fields, kinds and numbers. */
const EXAMPLE = {
  'organization-name': 'Company-X',
  'date-range': {
    'start-datetime': '2016-04-01T00:00:00Z',
    'end-datetime': '2016-04-01T23:59:59Z',
  },
  'contact-info': 'sts-reporting@company-x.example',
  'report-id': '5065427c-23d3-47ca-b6e0-946ea0e8c4be',
  policies: [
    {
      policy: {
        'policy-type': 'sts',
        'policy-string': [
          'version: STSv1',
          'mode: testing',
          'mx: *.mail.company-y.example',
          'max_age: 86400',
        ],
        'policy-domain': 'company-y.example',
        'mx-host': ['*.mail.company-y.example'],
      },
      summary: {
        'total-successful-session-count': 5326,
        'total-failure-session-count': 303,
      },
      'failure-details': [
        {
          'result-type': 'certificate-expired',
          'sending-mta-ip': '2001:db8:abcd:0012::1',
          'receiving-mx-hostname': 'mx1.mail.company-y.example',
          'failed-session-count': 100,
        },
        {
          'result-type': 'starttls-not-supported',
          'sending-mta-ip': '2001:db8:abcd:0013::1',
          'receiving-mx-hostname': 'mx2.mail.company-y.example',
          'receiving-ip': '203.0.113.56',
          'failed-session-count': 200,
          'additional-information':
            'https://reports.company-x.example/report_info?id=5065427c-23d3',
        },
        {
          'result-type': 'validation-failure',
          'sending-mta-ip': '198.51.100.62',
          'receiving-ip': '203.0.113.58',
          'receiving-mx-hostname': 'mx-backup.mail.company-y.example',
          'failed-session-count': 3,
          'failure-reason-code': 'X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED',
        },
      ],
    },
  ],
};

const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test('RFC 8460 appendix B: the example is read, and written again as it was', () => {
  const parsed = parseTlsReport(bytesOf(EXAMPLE));
  assert.ok(parsed.kind === 'report', JSON.stringify(parsed));
  assert.deepEqual(JSON.parse(formatTlsReport(parsed.report)), EXAMPLE);
  const [policy] = parsed.report.policies;
  assert.equal(policy?.failures, 303);
  assert.equal(policy?.details[2]?.reason, 'X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED');
  const packed = unpackTlsReport(gzipSync(bytesOf(EXAMPLE)));
  assert.deepEqual(packed, parsed);
});

test('RFC 8460 appendix B: mx-host as a single string is read like an array of one', () => {
  const text = JSON.stringify(EXAMPLE).replace(
    '["*.mail.company-y.example"]',
    '"*.mail.y.example"',
  );
  const parsed = parseTlsReport(Buffer.from(text));
  assert.ok(parsed.kind === 'report');
  assert.deepEqual(parsed.report.policies[0]?.mxHosts, ['*.mail.y.example']);
});

test('RFC 8460 section 3: what is not known is passed over', () => {
  const policies = EXAMPLE.policies.map((one) => ({ ...one, extra: { deep: [1] } }));
  const parsed = parseTlsReport(bytesOf({ ...EXAMPLE, policies, 'x-note': 'more' }));
  assert.equal(parsed.kind, 'report');
});

test('hostile: a gzip bomb is not unpacked, and neither is what is no gzip or torn', () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  assert.ok(bomb.length < 100_000);
  for (const packed of [bomb, Buffer.from('{}'), Buffer.alloc(0), gzipSync('{}').subarray(0, 12)]) {
    const parsed = unpackTlsReport(packed);
    assert.ok(parsed.kind === 'malformed');
  }
});

test('hostile: huge and senseless counts, endless lists, deep nesting and wrong kinds are malformed', () => {
  const [policy] = EXAMPLE.policies;
  const [detail] = policy?.['failure-details'] ?? [];
  const withPolicy = (change: object) => ({ ...EXAMPLE, policies: [{ ...policy, ...change }] });
  const withDetail = (change: object) =>
    withPolicy({ 'failure-details': [{ ...detail, ...change }] });
  const total = (count: unknown) => ({
    summary: { 'total-successful-session-count': count, 'total-failure-session-count': 0 },
  });
  const values: unknown[] = [
    null,
    [],
    'report',
    { ...EXAMPLE, policies: new Array(1_001).fill(policy) },
    { ...EXAMPLE, 'report-id': '' },
    { ...EXAMPLE, 'date-range': { 'start-datetime': 'yesterday', 'end-datetime': 'today' } },
    withPolicy(total(1e300)),
    withPolicy(total(2 ** 53)),
    withPolicy(total(-1)),
    withPolicy(total(0.5)),
    withPolicy(total('12')),
    withDetail({ 'result-type': '<script>alert(1)</script>' }),
    withDetail({ 'failure-reason-code': 'x'.repeat(2_001) }),
    withPolicy({ 'failure-details': new Array(10_001).fill(detail) }),
    {
      ...EXAMPLE,
      policies: new Array(200).fill({ ...policy, 'failure-details': new Array(60).fill(detail) }),
    },
  ];
  for (const value of values) {
    assert.equal(
      parseTlsReport(bytesOf(value)).kind,
      'malformed',
      JSON.stringify(value).slice(0, 200),
    );
  }
  const deep = Buffer.from('['.repeat(1_000_000));
  assert.equal(parseTlsReport(deep).kind, 'malformed');
  assert.equal(parseTlsReport(Buffer.alloc(11 * 1024 * 1024, 0x20)).kind, 'malformed');
});

test('RFC 8460 section 5.1: the name of the file', () => {
  const name = tlsReportFilename({
    submitter: 'mail.sndr.example.com',
    policyDomain: 'example.net',
    start: new Date(1_470_013_207_000),
    end: new Date(1_470_186_007_000),
    uniqueId: '001',
  });
  assert.equal(name, 'mail.sndr.example.com!example.net!1470013207!1470186007!001.json.gz');
});
