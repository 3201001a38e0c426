import assert from 'node:assert/strict';
import { appendFile, readdir } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseTlsReportMail } from '@sallyport/dsn';
import { isTlsReport } from '@sallyport/spool';
import { type TlsReport, unpackTlsReport } from '@sallyport/transport';
import { createTestCa } from '../../../../packages/transport/src/test-support/certificates.ts';
import { deliver } from '../deliver.ts';
import { type Bench, one } from '../testing.ts';
import { BRAVO, byMx, openReports, tlsResult, type Zone } from './testing.ts';

const NAME = `_smtp._tls.${BRAVO}`;
const WANTED: Zone = { txt: { [NAME]: [`v=TLSRPTv1; rua=mailto:tls-reports@${BRAVO}`] } };
const ca = createTestCa();
after(() => ca.remove());

/** After every delay that may be drawn. */
const WINDOW_OVER = new Date('2026-11-22T04:00:01Z');

async function reportsIn(world: Bench): Promise<TlsReport[]> {
  const found = await world.incoming();
  return found.map(({ text }) => {
    const mail = parseTlsReportMail(Buffer.from(text, 'latin1'));
    assert.ok(mail !== null, text);
    const read = unpackTlsReport(mail.report.bytes);
    assert.ok(read.kind === 'report');
    return read.report;
  });
}

test('RFC 8460 section 4.3: a partner without STARTTLS shows as starttls-not-supported, as tried', async () => {
  await using at = await one({ extensions: [] }, { level: 'encrypt', minVersion: 'TLSv1.2' });
  const reports = await openReports(at.world, WANTED);
  const header = await at.world.put();
  await deliver(header.id, byMx(at.world, reports));
  at.world.world.now = WINDOW_OVER;
  await reports.sendDue();
  const [report, ...more] = await reportsIn(at.world);
  assert.deepEqual(more, []);
  const [policy] = report?.policies ?? [];
  assert.deepEqual([policy?.successes, policy?.failures], [0, 1]);
  const [detail] = policy?.details ?? [];
  assert.deepEqual(
    [detail?.result, detail?.mx, detail?.receivingIp, detail?.sessions],
    ['starttls-not-supported', `mx.${BRAVO}`, '127.0.0.1', 1],
  );
  assert.equal(report?.start.toISOString(), '2026-11-21T00:00:00.000Z');
  assert.equal(report?.end.toISOString(), '2026-11-21T23:59:59.000Z');
  const [mail] = await at.world.incoming();
  assert.ok(mail !== undefined && isTlsReport(mail.header));
  assert.equal(mail.header.reversePath, '');
  assert.deepEqual(mail.header.forwardPaths, [{ path: `tls-reports@${BRAVO}`, notify: ['NEVER'] }]);
  assert.deepEqual(at.world.events.filter(({ kind }) => kind === 'accepted').length, 1);
});

test('RFC 8460 section 4.1: the day ends at 00:00 UTC, and nothing leaves before it', async () => {
  await using at = await one({});
  const { world } = at.world;
  const reports = await openReports(at.world, WANTED);
  world.now = new Date('2026-11-21T23:59:59.999Z');
  reports.count(BRAVO, [tlsResult()]);
  await reports.sendDue();
  world.now = new Date('2026-11-22T00:00:00Z');
  reports.count(BRAVO, [tlsResult(), tlsResult({ mx: `mx2.${BRAVO}` })]);
  await reports.sendDue();
  assert.deepEqual(await at.world.incoming(), []);
  world.now = WINDOW_OVER;
  await reports.sendDue();
  await reports.sendDue();
  world.now = new Date('2026-11-23T04:00:01Z');
  await reports.sendDue();
  const found = (await reportsIn(at.world)).sort((a, b) => a.start.getTime() - b.start.getTime());
  assert.deepEqual(
    found.map(({ start, policies: [policy] }) => [
      start.toISOString().slice(0, 10),
      policy?.successes,
    ]),
    [
      ['2026-11-21', 1],
      ['2026-11-22', 2],
    ],
  );
  assert.notEqual(found[0]?.id, found[1]?.id);
});

test('a restart in between loses no count and sends no report twice', async () => {
  await using at = await one({});
  const { world } = at.world;
  const first = await openReports(at.world, WANTED);
  first.count(BRAVO, [tlsResult()]);
  first.count(BRAVO, [tlsResult({ result: 'certificate-expired', reason: 'x' })]);
  await first.close();
  const folder = join(at.world.folder, 'tls-reports');
  // What a crash leaves of a line.
  await appendFile(join(folder, '2026-11-21.jsonl'), '{"domain":"bravo.exa');
  const second = await openReports(at.world, WANTED);
  second.count(BRAVO, [tlsResult()]);
  await second.close();
  world.now = WINDOW_OVER;
  const third = await openReports(at.world, WANTED);
  await third.sendDue();
  await (await openReports(at.world, WANTED)).sendDue();
  const found = await reportsIn(at.world);
  assert.equal(found.length, 1);
  const [policy] = found[0]?.policies ?? [];
  assert.deepEqual([policy?.successes, policy?.failures], [2, 1]);
  assert.deepEqual(await readdir(folder), [], 'what is reported is forgotten');
});

test('a crash between the plan and its end gives the same queue id and the same report id again', async () => {
  await using at = await one({});
  const { world } = at.world;
  const first = await openReports(at.world, WANTED);
  first.count(BRAVO, [tlsResult()]);
  await first.close();
  world.now = WINDOW_OVER;
  world.recorder = 'down';
  await (await openReports(at.world, WANTED)).sendDue();
  assert.deepEqual(await at.world.incoming(), []);
  world.recorder = 'up';
  const again = await openReports(at.world, WANTED);
  await again.sendDue();
  assert.equal((await at.world.incoming()).length, 1);
});

test('RFC 8460 section 3: without a record nothing is sent; an unknown one is asked for again, for a day', async () => {
  await using at = await one({});
  const { world } = at.world;
  const txt: Record<string, readonly string[] | 'failure'> = { [NAME]: 'failure' };
  const reports = await openReports(at.world, { txt });
  reports.count(BRAVO, [tlsResult()]);
  reports.count('silent.example', [tlsResult()]);
  reports.count('acme.example', [tlsResult()]);
  world.now = WINDOW_OVER;
  await reports.sendDue();
  txt[NAME] = WANTED.txt[NAME] ?? 'failure';
  await reports.sendDue();
  assert.deepEqual(await at.world.incoming(), [], 'it rests first');
  world.now = new Date(WINDOW_OVER.getTime() + 6 * 60_000);
  await reports.sendDue();
  assert.equal((await at.world.incoming()).length, 1);
  await using late = await one({});
  const never = await openReports(late.world, WANTED);
  never.count(BRAVO, [tlsResult()]);
  late.world.world.now = new Date('2026-11-24T00:00:00Z');
  await never.sendDue();
  assert.deepEqual(await late.world.incoming(), [], 'too old to be of use');
});

test('RFC 8460 section 3: a report is delivered though TLS fails, and is itself not counted', async () => {
  const script = { identity: ca.selfSigned('other.example'), starttls: '454 TLS is broken\r\n' };
  await using at = await one(script, { level: 'encrypt', minVersion: 'TLSv1.2' });
  const reports = await openReports(at.world, WANTED);
  const ports = byMx(at.world, reports);
  const report = { origin: 'gateway', reversePath: '', extra: { tlsReport: BRAVO } } as const;
  const mail = await at.world.put(undefined, report);
  assert.deepEqual(await deliver(mail.id, ports), { kind: 'done' });
  assert.equal(at.server.messages.length, 1);
  assert.equal(at.server.messages[0]?.isTls, false);
  const forged = await at.world.put(undefined, { extra: { tlsReport: BRAVO } });
  assert.equal((await deliver(forged.id, ports)).kind, 'again', 'only of our own making');
  assert.equal(at.server.messages.length, 1, 'mail keeps its rule');
  at.world.world.now = WINDOW_OVER;
  await reports.sendDue();
  const [found] = await reportsIn(at.world);
  const counted = found?.policies.reduce((sum, one) => sum + one.successes + one.failures, 0);
  assert.equal(counted, 1, 'what was mail');
});

test('RFC 8460 section 5.4: https: is a POST of the gzip; the next address is tried if it fails', async () => {
  const name = 'reports.bravo.example';
  const posts: { readonly type: string | undefined; readonly body: Buffer }[] = [];
  let status = 500;
  const server = createServer(ca.issue({ names: [name] }), (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      posts.push({ type: request.headers['content-type'], body: Buffer.concat(chunks) });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const post = `https://${name}:${address.port}/v1/tlsrpt`;
  const rua = `rua=${post},mailto:%20@x,mailto:tls%2Dreports@${BRAVO}`;
  const zone = { txt: { [NAME]: [`v=TLSRPTv1; ${rua}`] }, tlsAnchors: [ca.caPem] };
  for (status of [500, 201]) {
    await using at = await one({});
    const reports = await openReports(at.world, zone);
    reports.count(BRAVO, [tlsResult()]);
    at.world.world.now = WINDOW_OVER;
    await reports.sendDue();
    assert.equal((await at.world.incoming()).length, status === 500 ? 1 : 0);
  }
  server.closeAllConnections();
  server.close();
  assert.equal(posts.length, 2);
  assert.equal(posts[0]?.type, 'application/tlsrpt+gzip');
  assert.equal(unpackTlsReport(posts[0]?.body ?? Buffer.alloc(0)).kind, 'report');
});

test('hostile: a mailto: that is no plain mailbox gets nothing', async () => {
  for (const uri of [
    'mailto:a%0d%0aRCPT%20TO:%3Cx@y.example%3E@z.example',
    'mailto:%00@x.example',
    'mailto:a@b@c.example',
    'mailto:',
    'mailto:%E0%A4%A',
    'mailto:a@x.example%2Cb@x.example',
  ]) {
    await using at = await one({});
    const reports = await openReports(at.world, { txt: { [NAME]: [`v=TLSRPTv1;rua=${uri}`] } });
    reports.count(BRAVO, [tlsResult()]);
    at.world.world.now = WINDOW_OVER;
    await reports.sendDue();
    assert.deepEqual(await at.world.incoming(), [], uri);
  }
});
