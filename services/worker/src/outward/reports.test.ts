import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { bufferContent, newQueueId, type QueueId, readContent } from '@sallyport/mail';
import type { QueueFileHeader, Spool } from '@sallyport/spool';
import { type Report, reportToAuthor } from './reports.ts';
import { HEADER, NOW, workerSpool } from './testing.ts';

const MESSAGE = Buffer.from(
  'From: ann@acme.example\r\nSubject: the subject\r\nMessage-ID: <1@acme.example>\r\n\r\nthe body\r\n',
);

interface Bench {
  readonly spool: Spool;
  readonly events: AuditEvent[];
  readonly added: QueueId[];
  report(header: Partial<QueueFileHeader>, report?: Partial<Report>): Promise<string | null>;
}

async function bench(t: TestContext): Promise<Bench> {
  const { spool } = await workerSpool(t);
  const events: AuditEvent[] = [];
  const added: QueueId[] = [];
  const ports = {
    spool,
    recorder: {
      record: (event: AuditEvent) => {
        events.push(event);
        return Promise.resolve();
      },
    },
    clock: { now: () => NOW },
    gatewayName: 'gw.acme.example',
    ownDomains: new Set(['acme.example', 'second.example']),
    added: (id: QueueId) => {
      added.push(id);
      return Promise.resolve();
    },
  };
  return {
    spool,
    events,
    added,
    report: async (change, given = {}) => {
      const before = added.length;
      const header: QueueFileHeader = { ...HEADER, id: newQueueId(NOW), ...change };
      const recipients = header.forwardPaths;
      const report = {
        action: 'failed',
        fault: 'recipient-certificate-missing',
        sentence: 'Returned: no certificate.',
        recipients,
        ...given,
      } as const;
      await reportToAuthor(header, bufferContent(MESSAGE), report, ports);
      const id = added[before];
      if (id === undefined) return null;
      const stored = await spool.read('incoming', id);
      assert.ok(stored.kind === 'ok');
      return (await readContent(stored.content)).toString('latin1');
    },
  };
}

test('RFC 5321 4.5.5: nothing goes to the null reverse-path, nor to one that is no address', async (t) => {
  const { report, events } = await bench(t);
  assert.equal(await report({ reversePath: '' }), null);
  assert.equal(await report({ reversePath: 'no address' }), null);
  assert.deepEqual(events, []);
});

test('RFC 3461 4.1: NOTIFY says which reports there are', async (t) => {
  const { report } = await bench(t);
  const cases: [('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[] | null, boolean, boolean][] = [
    [null, true, true],
    [['NEVER'], false, false],
    [['SUCCESS'], false, false],
    [['FAILURE'], true, false],
    [['DELAY'], false, true],
    [['FAILURE', 'DELAY'], true, true],
  ];
  for (const [notify, failed, delayed] of cases) {
    const path = { path: 'bob@bravo.example', ...(notify === null ? {} : { notify }) };
    assert.equal((await report({ forwardPaths: [path] })) !== null, failed, `${notify} failed`);
    const late = await report(
      { forwardPaths: [path] },
      { action: 'delayed', fault: 'directory-unreachable' },
    );
    assert.equal(late !== null, delayed, `${notify} delayed`);
  }
});

test('RFC 3464: the report names only who wanted one, with action, status and envid', async (t) => {
  const { report } = await bench(t);
  const text = await report({
    forwardPaths: [
      { path: 'bob@bravo.example', orcpt: 'rfc822;bobby@bravo.example' },
      { path: 'quiet@bravo.example', notify: ['NEVER'] },
    ],
    dsn: { envid: 'QQ314159' },
  });
  assert.ok(text !== null);
  assert.match(text, /Content-Type: multipart\/report/i);
  assert.match(text, /Final-Recipient: rfc822; ?bob@bravo.example/i);
  assert.match(text, /Original-Recipient: rfc822; ?bobby@bravo.example/i);
  assert.match(text, /Action: failed/i);
  assert.match(text, /Status: 5\.7\.5/);
  assert.match(text, /Original-Envelope-Id: QQ314159/i);
  assert.doesNotMatch(text, /quiet@/);
});

test('a delay says 4.x.x and until when it is tried; the body stays here by default', async (t) => {
  const { report } = await bench(t);
  const willRetryUntil = new Date('2026-06-06T00:00:00Z');
  const text = await report(
    {},
    { action: 'delayed', fault: 'directory-unreachable', willRetryUntil },
  );
  assert.ok(text !== null);
  assert.match(text, /Action: delayed/i);
  assert.match(text, /Status: 4\.4\.3/);
  assert.match(text, /Will-Retry-Until:/i);
  assert.match(text, /Subject: the subject/);
  assert.doesNotMatch(text, /the body/);
  assert.match((await report({ dsn: { ret: 'FULL' } })) ?? '', /the body/);
});

test('RFC 3834, RFC 8689 5: a report is ours, from nobody, says it is automatic, inherits REQUIRETLS', async (t) => {
  const { report, spool, added, events } = await bench(t);
  const text = await report({ requireTls: true });
  assert.match(text ?? '', /Auto-Submitted: auto-replied/i);
  assert.match(text ?? '', /From: [^\r]*postmaster@acme\.example/);
  const [id] = added;
  assert.ok(id !== undefined);
  const stored = await spool.readHeader('incoming', id);
  assert.ok(stored.kind === 'ok');
  const { origin, reversePath, forwardPaths, requireTls, evidence } = stored.header;
  assert.deepEqual(
    { origin, reversePath, requireTls, evidence },
    { origin: 'gateway', reversePath: '', requireTls: true, evidence: null },
  );
  assert.deepEqual(forwardPaths, [{ path: 'ann@acme.example', notify: ['NEVER'] }]);
  assert.deepEqual(
    events.map((event) => event.kind),
    ['dsn-created'],
  );
});

test('a report about a report cannot be: it went out from the null reverse-path', async (t) => {
  const { report, spool, added } = await bench(t);
  await report({});
  const [id] = added;
  assert.ok(id !== undefined);
  const stored = await spool.readHeader('incoming', id);
  assert.ok(stored.kind === 'ok');
  assert.equal(await report(stored.header), null);
});
