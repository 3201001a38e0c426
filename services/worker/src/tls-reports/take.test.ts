import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bufferContent } from '@sallyport/mail';
import {
  formatTlsReport,
  parseStoredReport,
  type ReportedPolicy,
  type StoredTlsReport,
  type TlsReport,
} from '@sallyport/transport';
import {
  AUTHSERV_ID,
  CLIENT,
  KEYS,
  keyText,
  NOW,
  signSimply,
  type Zone,
  zoneResolver,
} from '../authentication/testing.ts';
import { ReceivedReports } from './received-folder.ts';
import { isForTlsReports, type Taken, takeTlsReport } from './take.ts';

const OURS = 'bravo.example';
const KNOWN: Zone = { 'TXT r._domainkey.acme.example': [keyText(KEYS.rsa)] };

function policy(change: Partial<ReportedPolicy> = {}): ReportedPolicy {
  const counts = { successes: 5, failures: 0, details: [] };
  return { type: 'sts', domain: OURS, strings: [], mxHosts: [], ...counts, ...change };
}

function report(change: Partial<TlsReport> = {}): TlsReport {
  return {
    organisation: 'Acme',
    start: new Date('2026-05-31T00:00:00Z'),
    end: new Date('2026-05-31T23:59:59Z'),
    contact: 'postmaster@acme.example',
    id: '2026-05-31.abc@acme.example',
    policies: [policy()],
    ...change,
  };
}

interface Mail {
  readonly report?: TlsReport;
  readonly packed?: Buffer;
  readonly about?: string;
  readonly submitter?: string;
  /** Null: unsigned. */
  readonly domain?: string | null;
  readonly extra?: string;
}

function mailOf(of: Mail): string {
  const header = [
    'From: postmaster@acme.example',
    'To: tls-reports@bravo.example',
    'Subject: Report',
    `TLS-Report-Domain: ${of.about ?? OURS}`,
    `TLS-Report-Submitter: ${of.submitter ?? 'acme.example'}`,
    'Content-Type: application/tlsrpt+gzip',
    'Content-Transfer-Encoding: base64',
  ];
  const packed = of.packed ?? gzipSync(formatTlsReport(of.report ?? report()));
  const body = `${packed.toString('base64').replaceAll(/(.{76})(?=.)/g, '$1\r\n')}\r\n`;
  if (of.domain === null) return `${header.join('\r\n')}\r\n\r\n${body}`;
  const { extra, domain = 'acme.example' } = of;
  return signSimply({ header, body, domain, ...(extra === undefined ? {} : { extra }) });
}

async function take(of: Mail | string, zone: Zone = KNOWN): Promise<Taken> {
  const text = typeof of === 'string' ? of : mailOf(of);
  return await takeTlsReport(
    { content: bufferContent(Buffer.from(text, 'latin1')), client: CLIENT, reversePath: '' },
    {
      resolver: zoneResolver(zone),
      authservId: AUTHSERV_ID,
      now: NOW,
      ownDomains: new Set([OURS]),
    },
  );
}

async function takenOf(of: Mail): Promise<StoredTlsReport> {
  const taken = await take(of);
  assert.ok(taken.kind === 'report', JSON.stringify(taken));
  return taken.stored;
}

test('RFC 8460 section 5.3: a report that its submitter signed is taken', async () => {
  const stored = await takenOf({});
  assert.deepEqual([stored.domain, stored.submitter], [OURS, 'acme.example']);
  assert.equal(stored.dkimDomain, 'acme.example');
  assert.deepEqual(stored.report, report());
  const below = report({ contact: 'postmaster@mail.acme.example' });
  const { submitter } = await takenOf({ report: below, submitter: 'mail.acme.example' });
  assert.equal(submitter, 'mail.acme.example', 'signed by the domain above it');
});

test('RFC 8460 section 3: no signature, a broken, a foreign or a partial one: refused', async () => {
  const foreign = { 'TXT r._domainkey.evil.example': [keyText(KEYS.rsa)] };
  const broken = mailOf({}).replace('Subject: Report', 'Subject: Other');
  const whole = gzipSync(formatTlsReport(report())).toString('base64').length + 100;
  const cases: readonly (readonly [string, Mail | string, Zone?])[] = [
    ['unsigned', { domain: null }],
    ['broken', broken],
    ['foreign', { domain: 'evil.example' }, foreign],
    ['cut short', { extra: ' l=10;' }],
    ['as long as it is', { extra: ` l=${whole};` }],
    ['another submitter', { submitter: 'evil.example' }],
    ['another contact', { report: report({ contact: 'postmaster@evil.example' }) }],
  ];
  for (const [name, mail, zone] of cases) {
    const taken = await take(mail, zone);
    assert.equal(taken.kind, 'refused', name);
    assert.equal(taken.kind === 'refused' && taken.fault, 'tls-report-refused', name);
  }
});

test('a key that cannot be had now may be had later', async () => {
  const taken = await take({}, { 'TXT r._domainkey.acme.example': 'failure' });
  assert.equal(taken.kind, 'unknown');
});

test('hostile: bombs, mail that is no report, and what is about others', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const cases: readonly (Mail | string)[] = [
    { packed: bomb },
    { packed: Buffer.from('no gzip') },
    { about: 'other.example' },
    { report: report({ policies: [] }) },
    { report: report({ policies: [policy({ domain: 'other.example' })] }) },
    { report: report({ policies: [policy({ domain: `${OURS}.evil.example` })] }) },
    'From: a@acme.example\r\n\r\nhello\r\n',
    '',
  ];
  for (const mail of cases) assert.equal((await take(mail)).kind, 'refused');
});

test('hostile: what it says of other domains is left out, our hosts stay', async () => {
  const domains = [OURS, `mx.${OURS}`, AUTHSERV_ID, 'victim.example'];
  const policies = domains.map((domain) => policy({ domain }));
  const stored = await takenOf({ report: report({ policies }) });
  assert.deepEqual(
    stored.report.policies.map(({ domain }) => domain),
    domains.slice(0, 3),
  );
});

test('only mail for addresses of reports alone is for the gateway', () => {
  assert.equal(isForTlsReports(['tls-reports@bravo.example']), true);
  assert.equal(isForTlsReports(['TLS-Reports@bravo.example']), true);
  for (const other of ['bob@bravo.example', 'x', 'tls-reports2@bravo.example']) {
    assert.equal(isForTlsReports([other]), false);
    assert.equal(isForTlsReports(['tls-reports@bravo.example', other]), false);
  }
});

test('one that comes twice is kept once; one submitter cannot drive out others; none is too long', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-reports-'));
  try {
    const received = new ReceivedReports(folder);
    const stored = await takenOf({});
    assert.equal(await received.keep(stored), true);
    assert.equal(await received.keep(stored), true);
    const [name = '', ...more] = await readdir(folder);
    assert.deepEqual(more, []);
    assert.deepEqual(parseStoredReport(await readFile(join(folder, name), 'utf8')), stored);
    const { report: own } = stored;
    for (let at = 0; at < 120; at += 1) {
      const other = { ...stored, submitter: 'loud.example', report: { ...own, id: `${at}` } };
      await received.keep(other);
    }
    const names = await readdir(folder);
    assert.equal(names.length, 101);
    assert.ok(names.includes(name));
    const long = policy({ strings: new Array(100).fill('x'.repeat(2_000)) });
    const policies = new Array(10).fill(long);
    assert.equal(await received.keep({ ...stored, report: { ...own, policies } }), false);
    const detail = {
      ...{ result: 'validation-failure', sendingIp: null, mx: null, helo: null },
      ...{ receivingIp: null, moreUri: null, reason: '<script>alert(1)</script>' },
    };
    const details = Array.from({ length: 500 }, (_, sessions) => ({ ...detail, sessions }));
    const many = { ...own, id: 'many', policies: [policy({ details })] };
    assert.equal(await received.keep({ ...stored, report: many }), true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
