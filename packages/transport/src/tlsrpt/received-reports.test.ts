import assert from 'node:assert/strict';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { newestReports } from './received-reports.ts';
import { formatStoredReport, storedReportName } from './stored-report.ts';

const domain = 'acme.example';

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spr-'));
  t.after(async () => await rm(folder, { recursive: true }));
  return folder;
}

test('RFC 8460: received reports come newest first, a page at a time, with what failed', async (t) => {
  const reports = await folderOf(t);
  assert.deepEqual(await newestReports(join(reports, 'none'), { limit: 10 }), {
    reports: [],
    before: null,
  });
  await writeFile(join(reports, 'other.txt'), 'x');
  for (const day of [1, 2, 3]) await keep(reports, day);
  await writeFile(join(reports, storedReportName('c'.repeat(16), 'c'.repeat(16))), 'torn');
  const first = await newestReports(reports, { limit: 2 });
  assert.deepEqual(
    first.reports.map(({ start, failures, successes }) => [
      start.slice(0, 10),
      failures,
      successes,
    ]),
    [
      ['2026-01-03', 3, 10],
      ['2026-01-02', 2, 10],
    ],
  );
  assert.equal(first.reports[0]?.details[0]?.result, 'certificate-expired');
  assert.ok(first.before !== null);
  const second = await newestReports(reports, { limit: 2, before: first.before });
  assert.deepEqual([second.reports.map(({ failures }) => failures), second.before], [[1], null]);
});

test('numbers that strangers report never add up to more than a number holds', async (t) => {
  const reports = await folderOf(t);
  await keep(reports, 4, Number.MAX_SAFE_INTEGER);
  const { reports: found } = await newestReports(reports, { limit: 1 });
  assert.equal(found[0]?.failures, Number.MAX_SAFE_INTEGER);
});

async function keep(folder: string, day: number, failures = day): Promise<void> {
  const start = new Date(Date.UTC(2026, 0, day));
  const end = new Date(start.getTime() + 86_399_000);
  const detail = {
    result: 'certificate-expired',
    sendingIp: null,
    mx: 'gw.acme.example',
    helo: null,
    receivingIp: null,
    sessions: day,
    moreUri: null,
    reason: null,
  };
  const counts = { successes: 10, failures, details: [detail] };
  const policy = { type: 'sts', domain, strings: [], mxHosts: [], ...counts } as const;
  const about = { organisation: 'Bravo', contact: 'tls@bravo.example', id: `day-${day}` };
  const text = formatStoredReport({
    domain,
    submitter: 'bravo.example',
    dkimDomain: 'bravo.example',
    receivedAt: end,
    report: { ...about, start, end, policies: failures > 100 ? [policy, policy] : [policy] },
  });
  const path = join(folder, storedReportName('b'.repeat(16), String(day).repeat(16)));
  await writeFile(path, text);
  await utimes(path, end, end);
}
