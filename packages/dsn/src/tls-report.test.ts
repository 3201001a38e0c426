import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readContent } from '@sallyport/mail';
import { mailbox } from '@sallyport/test/addresses';
import { parseTlsReportMail } from './parse-tls-report.ts';
import { formatTlsReportMail, type TlsReportMail } from './tls-report.ts';

const FACTS: TlsReportMail = {
  domain: 'bravo.example',
  submitter: 'acme.example',
  reportId: '2026-11-20.abc@acme.example',
  from: mailbox('postmaster@acme.example'),
  to: mailbox('tls-reports@bravo.example'),
  date: new Date('2026-11-21T01:02:03Z'),
  messageId: '<id@acme.example>',
  filename: 'acme.example!bravo.example!1!2!abc.json.gz',
  packed: gzipSync(Buffer.alloc(5_000, 'report ')),
  summary: 'An aggregate TLS report.',
};

const bytesOf = async (facts: TlsReportMail): Promise<Buffer> =>
  await readContent(formatTlsReportMail(facts));

test('RFC 8460 section 5.3: multipart/report of tlsrpt with both fields, and it reads back', async () => {
  const bytes = await bytesOf(FACTS);
  const text = bytes.toString('latin1');
  const unfolded = text.replaceAll(/\r\n[ \t]+/g, ' ');
  assert.match(unfolded, /^TLS-Report-Domain: bravo\.example\r$/m);
  assert.match(unfolded, /^TLS-Report-Submitter: acme\.example\r$/m);
  assert.match(unfolded, /^Content-Type: multipart\/report; report-type="tlsrpt"; boundary=/m);
  const subject =
    'Subject: Report Domain: bravo.example Submitter: acme.example Report-ID: <2026-11-20.abc@acme.example>';
  assert.ok(unfolded.includes(`\r\n${subject}\r\n`), unfolded.slice(0, 600));
  assert.match(unfolded, /filename="acme\.example!bravo\.example!1!2!abc\.json\.gz"/);
  assert.ok(text.split('\r\n').every((line) => line.length <= 78));
  const parsed = parseTlsReportMail(bytes);
  assert.ok(parsed !== null);
  assert.deepEqual([parsed.domain, parsed.submitter], ['bravo.example', 'acme.example']);
  assert.equal(parsed.report.form, 'gzip');
  assert.deepEqual(gunzipSync(parsed.report.bytes), Buffer.alloc(5_000, 'report '));
});

test('hostile: no fact makes a field of its own', async () => {
  const hostile = 'x.example\r\nBcc: eve@evil.example';
  const bytes = await bytesOf({
    ...FACTS,
    domain: hostile,
    submitter: hostile,
    reportId: hostile,
    messageId: hostile,
    filename: `"\r\n${hostile}`,
    summary: hostile,
  });
  const head = bytes.toString('latin1').split('\r\n\r\n')[0] ?? '';
  assert.doesNotMatch(head, /^Bcc:/m);
});

test('a report may be plain JSON, or be the body; other mail is none', () => {
  const head = 'TLS-Report-Domain: A.example\r\nTLS-Report-Submitter: b.example\r\n';
  const json = `${head}Content-Type: application/tlsrpt+json\r\n\r\n{"a":1}`;
  const parsed = parseTlsReportMail(Buffer.from(json));
  assert.equal(parsed?.domain, 'a.example');
  assert.deepEqual(parsed?.report, { form: 'json', bytes: Buffer.from('{"a":1}') });
  assert.equal(parseTlsReportMail(Buffer.from(`${head}\r\nhello`)), null);
  assert.equal(parseTlsReportMail(Buffer.alloc(0)), null);
  const twice = parseTlsReportMail(Buffer.from(`TLS-Report-Domain: c.example\r\n${json}`));
  assert.equal(twice?.domain, null, 'two answers are none');
});
