import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { createLogger } from '@sallyport/log';
import { newQueueId, type QueueId, readContent } from '@sallyport/mail';
import { DEFAULT_RETRY_SCHEDULE } from '@sallyport/queue';
import { generateReaderKey, type QueueFileHeader, Spool } from '@sallyport/spool';
import { type NextHop, TlsContexts, type TlsRule } from '@sallyport/transport';
import { createTestCa } from '../../../packages/transport/src/test-support/certificates.ts';
import {
  type Script,
  type ScriptedServer,
  startScriptedServer,
} from '../../../packages/transport/src/test-support/scripted-server.ts';
import { type DeliverPorts, deliver } from './deliver.ts';
import { type DeliveryState, parseState } from './delivery-state.ts';
import { createOutgoingFiles } from './files.ts';
import { createReportFormatter } from './formatter.ts';
import { SessionPool } from './pool.ts';
import { RecorderUnavailable } from './ports.ts';

const HOUR_MS = 3_600_000;
const START = new Date('2026-11-21T08:00:00Z');
const logger = createLogger({ service: 'test', now: () => START, write: () => {} });
const ca = createTestCa();
after(() => ca.remove());
const identity = ca.issue({ names: ['mx.bravo.example'] });
const secure: TlsRule = { level: 'secure', match: [], minVersion: 'TLSv1.2', anchors: [ca.caPem] };
const TEXT = 'Subject: hi\r\n\r\n.dot\r\n..two\r\nlast';

interface Bench extends AsyncDisposable {
  readonly spool: Spool;
  readonly events: AuditEvent[];
  readonly reports: QueueId[];
  readonly ports: DeliverPorts;
  readonly world: { now: Date; recorder: 'up' | 'down' | 'down-after-ping'; paused: Set<string> };
  put(text?: string, header?: Partial<QueueFileHeader>): Promise<QueueFileHeader>;
  state(header: QueueFileHeader): Promise<DeliveryState | null>;
  incoming(): Promise<{ header: QueueFileHeader; text: string }[]>;
  held(): Promise<QueueFileHeader[]>;
}

async function bench(servers: readonly ScriptedServer[], tlsRule: TlsRule): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-egress-'));
  const egress = generateReaderKey();
  const worker = generateReaderKey();
  const readerKeys = { egress: egress.publicKeyPem, worker: worker.publicKeyPem };
  const own = { name: 'egress' as const, pem: egress.privateKeyPem };
  const spool = await Spool.open({ folder, readerKeys, privateKey: own, logger });
  const asWorker = await Spool.open({
    folder,
    readerKeys,
    privateKey: { name: 'worker', pem: worker.privateKeyPem },
    logger,
  });
  const events: AuditEvent[] = [];
  const reports: QueueId[] = [];
  const world: Bench['world'] = { now: START, recorder: 'up', paused: new Set() };
  const timeouts = {
    ...{ connectMs: 1_000, tlsMs: 1_000, greetingMs: 1_000, commandMs: 1_000, dataMs: 1_000 },
    ...{ blockMs: 1_000, finalMs: 1_000, quitMs: 100 },
  };
  const pool = new SessionPool({
    settings: { ehloName: 'gw.acme.example', timeouts, contexts: new TlsContexts(null) },
    ...{ idleMs: 5_000, maxUses: 100, maxIdle: 10, logger },
  });
  const hops = servers.map(
    ({ port }): NextHop => ({
      host: 'mx.bravo.example',
      address: '127.0.0.1',
      port,
      tlsRule,
      nexthopDomain: 'bravo.example',
    }),
  );
  const [first, ...others] = hops;
  const ports: DeliverPorts = {
    files: createOutgoingFiles(spool),
    recorder: {
      record: async (event) => {
        if (world.recorder !== 'up') throw new RecorderUnavailable('down');
        events.push(event);
      },
      ping: async () => {
        if (world.recorder === 'down') throw new RecorderUnavailable('down');
      },
    },
    formatter: createReportFormatter({
      gatewayName: 'gw.acme.example',
      ownDomains: ['acme.example'],
    }),
    worker: { incoming: (id) => reports.push(id) },
    clock: { now: () => world.now },
    routes: {
      locate: async () => ({
        route:
          first === undefined
            ? { kind: 'fault', fault: 'null-mx', reason: 'null MX' }
            : { kind: 'hops', hops: [first, ...others], via: 'mx' },
        tlsRule,
        rule: 'partner:Bravo',
        policyVersion: 7,
      }),
    },
    pool,
    timeouts,
    schedule: DEFAULT_RETRY_SCHEDULE,
    logger,
    pausedDestinations: async () => world.paused,
  };
  return {
    ...{ spool, events, reports, ports, world },
    put: async (text = TEXT, more = {}) => {
      const header: QueueFileHeader = {
        version: 1,
        id: newQueueId(START),
        createdAt: START.toISOString(),
        origin: 'outward',
        reversePath: 'ann@acme.example',
        forwardPaths: [{ path: 'bob@bravo.example' }],
        client: null,
        evidence: null,
        dsn: {},
        ...{ smtpUtf8: false, eightBit: false, requireTls: false, extra: {} },
        ...more,
      };
      const writer = await spool.create('tmp', header, 'egress');
      await writer.write(Buffer.from(text));
      await writer.finish();
      await spool.commit(header.id, 'tmp', 'outgoing');
      return header;
    },
    state: async (header) => {
      const read = await spool.readHeader('outgoing', header.id);
      if (read.kind === 'gone') return null;
      return parseState(await spool.readState('outgoing', header.id), header);
    },
    incoming: async () => {
      const found = [];
      for await (const id of asWorker.list('incoming')) {
        const read = await asWorker.read('incoming', id);
        assert.ok(read.kind === 'ok');
        found.push({ header: read.header, text: (await readContent(read.content)).toString() });
      }
      return found;
    },
    held: async () => {
      const found = [];
      for await (const id of asWorker.list('hold')) {
        const read = await asWorker.read('hold', id);
        assert.ok(read.kind === 'ok');
        found.push(read.header);
      }
      return found;
    },
    [Symbol.asyncDispose]: async () => {
      pool.close();
      await spool.close();
      await asWorker.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function one(script: Script, rule: TlsRule = { level: 'may' }) {
  const server = await startScriptedServer(script);
  const world = await bench([server], rule);
  return {
    server,
    world,
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const on = (verb: string, reply: string) => (command: string) =>
  command.startsWith(verb) ? reply : undefined;

test('recorder away: nothing is delivered and the message waits', async () => {
  await using it = await one({});
  const header = await it.world.put();
  it.world.world.recorder = 'down';
  const outcome = await deliver(header.id, it.world.ports);
  assert.equal(outcome.kind, 'again');
  assert.equal(it.server.connections(), 0);
});

test('recorder lost after the delivery: the recipient is never sent to again', async () => {
  await using it = await one({});
  const header = await it.world.put();
  it.world.world.recorder = 'down-after-ping';
  await deliver(header.id, it.world.ports);
  assert.equal((await it.world.state(header))?.recipients[0]?.status, 'relayed');
  it.world.world.recorder = 'up';
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  assert.equal(it.server.messages.length, 1);
  assert.deepEqual(
    it.world.events.map(({ kind }) => kind),
    ['relayed'],
  );
  assert.equal(await it.world.state(header), null);
});

test('RFC 5321 4.5.2: the octets arrive as they are, dots and last line end included', async () => {
  await using it = await one({ identity, extensions: ['PIPELINING'] }, secure);
  const header = await it.world.put();
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  const [message] = it.server.messages;
  assert.equal(message?.data.toString(), `${TEXT}\r\n`);
  assert.equal(message?.isTls, true);
  const [event] = it.world.events;
  assert.ok(event?.kind === 'relayed');
  assert.equal(event.tls?.level, 'secure');
  assert.match(event.sentence ?? '', /certificate for mx\.bravo\.example, trusted/);
});

test('secure: not one octet of the envelope is seen in clear (recorded on the wire)', async () => {
  await using it = await one({ identity }, secure);
  const header = await it.world.put();
  await deliver(header.id, it.world.ports);
  assert.equal(it.server.messages.length, 1);
  const clear = it.server.clear();
  assert.match(clear, /^EHLO gw\.acme\.example\r\nSTARTTLS\r\n/);
  assert.doesNotMatch(clear, /MAIL|RCPT|bravo\.example>|acme\.example>|Subject/);
});

for (const rule of [secure, { level: 'encrypt', minVersion: 'TLSv1.2' } as const]) {
  test(`${rule.level}: STARTTLS stripped waits as tls-not-offered and comes back after 5 days`, async () => {
    await using it = await one({}, rule);
    const header = await it.world.put();
    const first = await deliver(header.id, it.world.ports);
    assert.ok(first.kind === 'again');
    assert.equal((await it.world.state(header))?.recipients[0]?.fault, 'tls-not-offered');
    it.world.world.now = new Date(START.getTime() + 121 * HOUR_MS);
    assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
    const [report] = await it.world.incoming();
    assert.match(report?.text ?? '', /Status: 5\.7\.4/);
    assert.match(report?.text ?? '', /does not offer (TLS|STARTTLS)/);
    assert.equal(report?.header.reversePath, '');
    assert.equal(report?.header.origin, 'gateway');
    assert.doesNotMatch(it.server.clear(), /MAIL|RCPT/);
    assert.deepEqual(
      it.world.events.map(({ kind }) => kind),
      ['deferred', 'expired', 'dsn-created'],
    );
  });
}

const refusals: [string, Script, string, string][] = [
  ['450 to MAIL', { reply: on('MAIL', '450 4.1.0 later\r\n') }, 'waiting', 'next-hop-deferred'],
  ['550 to MAIL', { reply: on('MAIL', '550 5.1.0 no\r\n') }, 'failed', 'next-hop-refused'],
  ['450 to RCPT', { reply: on('RCPT', '450 4.2.0 later\r\n') }, 'waiting', 'next-hop-deferred'],
  ['550 to RCPT', { reply: on('RCPT', '550 5.1.1 no\r\n') }, 'failed', 'next-hop-refused'],
  ['451 to DATA', { reply: on('DATA', '451 4.3.0 later\r\n') }, 'waiting', 'next-hop-deferred'],
  ['554 to DATA', { reply: on('DATA', '554 5.7.1 no\r\n') }, 'failed', 'next-hop-refused'],
  ['451 to the final dot', { afterData: () => '451 4.3.0 x\r\n' }, 'waiting', 'next-hop-deferred'],
  ['554 to the final dot', { afterData: () => '554 5.6.0 x\r\n' }, 'failed', 'next-hop-refused'],
  ['a death in mid-DATA', { afterData: () => 'die' }, 'waiting', 'next-hop-lost'],
  ['a death at RCPT', { reply: on('RCPT', 'die') }, 'waiting', 'next-hop-lost'],
  [
    'silence from MAIL on',
    { reply: (c) => (/^(MAIL|RCPT|DATA)/.test(c) ? '' : undefined) },
    'waiting',
    'next-hop-lost',
  ],
  [
    'endless lines at RCPT',
    { reply: on('RCPT', '250-x\r\n'.repeat(999)) },
    'waiting',
    'next-hop-lost',
  ],
  ['a 7-bit hop', { extensions: [] }, 'failed', 'eight-bit-not-offered'],
  [
    'a SIZE that is too small',
    { extensions: ['8BITMIME', 'SIZE 10'] },
    'failed',
    'message-too-big',
  ],
];

for (const [name, script, status, fault] of refusals) {
  for (const extensions of [['8BITMIME', 'PIPELINING'], ['8BITMIME']]) {
    const how = extensions.length > 1 ? 'pipelined' : 'in step';
    test(`RFC 5321 4.2.1: ${name} (${how}) is ${status} with ${fault}`, async () => {
      await using it = await one({ extensions, ...script });
      const header = await it.world.put('Subject: x\r\n\r\n\u00e9\r\n');
      await deliver(header.id, it.world.ports);
      assert.equal(it.server.messages.length, 0);
      const state = await it.world.state(header);
      if (status === 'waiting') {
        assert.equal(state?.recipients[0]?.fault, fault);
        return;
      }
      assert.equal(state, null);
      const failed = it.world.events.find(({ kind }) => kind === 'failed');
      assert.equal(failed?.kind === 'failed' && failed.fault, fault);
      assert.equal((await it.world.incoming()).length, 1);
    });
  }
}

test('RFC 5321 4.5.5: a null reverse-path never gets a report', async () => {
  await using it = await one({ reply: on('RCPT', '550 5.1.1 no\r\n') });
  const header = await it.world.put(TEXT, { reversePath: '' });
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  assert.deepEqual(await it.world.incoming(), []);
});

test('RFC 3461 4.1: NOTIFY=NEVER gets no report, NOTIFY=FAILURE does', async () => {
  await using it = await one({ reply: on('RCPT', '550 5.1.1 no\r\n') });
  const header = await it.world.put(TEXT, {
    forwardPaths: [
      { path: 'never@bravo.example', notify: ['NEVER'] },
      { path: 'told@bravo.example', notify: ['FAILURE'] },
    ],
  });
  await deliver(header.id, it.world.ports);
  const [report] = await it.world.incoming();
  assert.match(report?.text ?? '', /told@bravo\.example/);
  assert.doesNotMatch(report?.text ?? '', /never@/);
  assert.match(report?.text ?? '', /Diagnostic-Code: smtp; 550 5\.1\.1 no/);
});

test('RFC 3461 5.2.2: NOTIFY=SUCCESS without DSN at the next hop is told as relayed', async () => {
  await using it = await one({ extensions: [] });
  const path = { path: 'bob@bravo.example', notify: ['SUCCESS' as const] };
  const header = await it.world.put(TEXT, { forwardPaths: [path] });
  await deliver(header.id, it.world.ports);
  assert.match((await it.world.incoming())[0]?.text ?? '', /Action: relayed/);
});

test('RFC 3461 5.2.1: DSN parameters are passed on where DSN is offered', async () => {
  await using it = await one({ extensions: ['DSN', 'SIZE'] });
  const header = await it.world.put(TEXT, {
    dsn: { ret: 'HDRS', envid: 'QQ1' },
    forwardPaths: [
      { path: 'bob@bravo.example', notify: ['SUCCESS'], orcpt: 'rfc822;Bob@bravo.example' },
    ],
  });
  await deliver(header.id, it.world.ports);
  assert.equal(
    it.server.messages[0]?.mail,
    `MAIL FROM:<ann@acme.example> SIZE=${TEXT.length} RET=HDRS ENVID=QQ1`,
  );
  assert.equal(
    it.server.messages[0]?.recipients[0],
    'RCPT TO:<bob@bravo.example> NOTIFY=SUCCESS ORCPT=rfc822;Bob@bravo.example',
  );
  assert.deepEqual(await it.world.incoming(), []);
});

test('an inward failure of an unproven author is held, never sent back', async () => {
  await using it = await one({ reply: on('RCPT', '550 5.1.1 no\r\n') });
  const header = await it.world.put(TEXT, { origin: 'inward', reversePath: 'x@forged.example' });
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  assert.deepEqual(await it.world.incoming(), []);
  assert.equal((await it.world.held()).length, 1);
});

test('an inward failure of a proven author returns the outer header only', async () => {
  await using it = await one({ reply: on('RCPT', '550 5.1.1 no\r\n') });
  const extra = { returnable: true, outerHeader: 'Subject: ...\r\n' };
  const more = { origin: 'inward' as const, reversePath: 'x@bravo.example', extra };
  const header = await it.world.put('Subject: canary\r\n\r\nsecret\r\n', more);
  await deliver(header.id, it.world.ports);
  const [report] = await it.world.incoming();
  assert.match(report?.text ?? '', /Subject: \.\.\./);
  assert.doesNotMatch(report?.text ?? '', /canary|secret/);
});

test('4 hours: the author is told of the delay, once', async () => {
  await using it = await one({ reply: on('MAIL', '451 4.3.0 later\r\n') });
  const header = await it.world.put();
  for (const hours of [0, 5, 7, 9]) {
    it.world.world.now = new Date(START.getTime() + hours * HOUR_MS);
    await deliver(header.id, it.world.ports);
  }
  const reports = await it.world.incoming();
  assert.equal(reports.length, 1);
  assert.match(reports[0]?.text ?? '', /Action: delayed/);
  assert.match(reports[0]?.text ?? '', /Will-Retry-Until:/);
});

test('RFC 5321 5.1: trouble with the first host leads to the next one', async () => {
  await using bad = await startScriptedServer({ reply: on('RCPT', '421 4.3.2 closing\r\n') });
  await using silent = await startScriptedServer({ greeting: '554 no\r\n' });
  await using good = await startScriptedServer({});
  await using world = await bench([silent, bad, good], { level: 'may' });
  const header = await world.put();
  assert.deepEqual(await deliver(header.id, world.ports), { kind: 'done' });
  assert.equal(good.messages.length, 1);
});

test('RFC 7504: 521 from every host is the end', async () => {
  await using it = await one({ greeting: '521 no mail here\r\n' });
  const header = await it.world.put();
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  assert.equal(it.world.events[0]?.kind, 'failed');
});

test('RFC 7505: a null MX is the end, without an attempt', async () => {
  await using world = await bench([], { level: 'may' });
  const header = await world.put();
  assert.deepEqual(await deliver(header.id, world.ports), { kind: 'done' });
  const [event] = world.events;
  assert.equal(event?.kind === 'failed' && event.fault, 'null-mx');
});

test('one recipient fails, one waits, one is relayed: each has its own fate, none is sent twice', async () => {
  let isLater = false;
  await using it = await one({
    extensions: ['PIPELINING'],
    reply: (command) => {
      if (command.startsWith('RCPT TO:<no@')) return '550 5.1.1 no\r\n';
      if (command.startsWith('RCPT TO:<later@') && !isLater) return '450 4.2.0 later\r\n';
      return undefined;
    },
  });
  const paths = ['yes', 'no', 'later'].map((name) => ({ path: `${name}@bravo.example` }));
  const header = await it.world.put(TEXT, { forwardPaths: paths });
  await deliver(header.id, it.world.ports);
  const state = await it.world.state(header);
  assert.deepEqual(
    state?.recipients.map(({ status }) => status),
    ['relayed', 'failed', 'waiting'],
  );
  isLater = true;
  it.world.world.now = new Date(START.getTime() + HOUR_MS);
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  assert.deepEqual(
    it.server.messages.map(({ recipients }) => recipients),
    [['RCPT TO:<yes@bravo.example>'], ['RCPT TO:<later@bravo.example>']],
  );
});

test('RFC 5321 4.5.3.1.10: 452 4.5.3 puts a recipient into the next transaction at once', async () => {
  let taken = 0;
  await using it = await one({
    extensions: ['PIPELINING'],
    reply: (command) => {
      if (command.startsWith('MAIL')) taken = 0;
      if (!command.startsWith('RCPT')) return undefined;
      taken += 1;
      return taken > 1 ? '452 4.5.3 own transaction\r\n' : undefined;
    },
  });
  const paths = ['a', 'b', 'c'].map((name) => ({ path: `${name}@bravo.example` }));
  const header = await it.world.put(TEXT, { forwardPaths: paths });
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  assert.equal(it.server.messages.length, 3);
  assert.equal(it.server.connections(), 1);
});

test('a connection is kept for the next message, and an idle one that died is replaced', async () => {
  await using it = await one({ identity }, secure);
  const send = async () => deliver((await it.world.put()).id, it.world.ports);
  await send();
  await send();
  assert.equal(it.server.connections(), 1);
  assert.equal(it.server.messages.length, 2);
});

test('TR-7: a connection is never shared by two TLS rules', async () => {
  await using server = await startScriptedServer({ identity });
  const pool = new SessionPool({
    settings: {
      ehloName: 'gw.acme.example',
      timeouts: {
        ...{ connectMs: 1_000, tlsMs: 1_000, greetingMs: 1_000, commandMs: 1_000, dataMs: 1_000 },
        ...{ blockMs: 1_000, finalMs: 1_000, quitMs: 100 },
      },
      contexts: new TlsContexts(null),
    },
    ...{ idleMs: 5_000, maxUses: 100, maxIdle: 10, logger },
  });
  const rules: [TlsRule, string][] = [
    [{ level: 'none' }, 'bravo.example'],
    [{ level: 'may' }, 'bravo.example'],
    [{ level: 'encrypt', minVersion: 'TLSv1.2' }, 'bravo.example'],
    [secure, 'bravo.example'],
    [secure, 'mx.bravo.example'],
    [{ ...secure, match: ['mx.bravo.example'] }, 'bravo.example'],
  ];
  for (const [tlsRule, nexthopDomain] of rules) {
    const host = { host: 'mx.bravo.example', address: '127.0.0.1', port: server.port };
    const loan = await pool.acquire({ ...host, tlsRule, nexthopDomain }, { fresh: false });
    assert.ok(loan.kind === 'loan', JSON.stringify(loan));
    assert.equal(loan.isReused, false);
    loan.release({ isReusable: true });
  }
  assert.equal(server.connections(), rules.length);
  pool.close();
});

test('a paused destination gets nothing', async () => {
  await using it = await one({});
  const header = await it.world.put();
  it.world.world.paused.add('bravo.example');
  assert.equal((await deliver(header.id, it.world.ports)).kind, 'again');
  assert.equal(it.server.connections(), 0);
});

test('a bare LF never gets onto the wire', async () => {
  await using it = await one({});
  const header = await it.world.put('Subject: x\r\n\r\na\n.\r\nMAIL FROM:<>\r\n');
  await deliver(header.id, it.world.ports);
  assert.equal(it.server.connections(), 0);
  const [event] = it.world.events;
  assert.equal(event?.kind === 'failed' && event.fault, 'bare-line-end');
});

test('RFC 6531 3.2: a non-ASCII address fails where SMTPUTF8 is not offered', async () => {
  await using it = await one({});
  const path = { path: 'jörg@bravo.example' };
  const header = await it.world.put(TEXT, { smtpUtf8: true, forwardPaths: [path] });
  await deliver(header.id, it.world.ports);
  const [event] = it.world.events;
  assert.equal(event?.kind === 'failed' && event.fault, 'smtputf8-not-offered');
});

test('RFC 6531 3.4: SMTPUTF8 is asked for where it is offered and needed', async () => {
  await using it = await one({ extensions: ['SMTPUTF8', '8BITMIME'] });
  const path = { path: 'jörg@bravo.example' };
  const header = await it.world.put(TEXT, { smtpUtf8: true, forwardPaths: [path] });
  await deliver(header.id, it.world.ports);
  assert.match(it.server.messages[0]?.mail ?? '', / SMTPUTF8$/);
});

test('RFC 8689 4.2.1: REQUIRETLS is not sent to a hop that does not offer it', async () => {
  await using it = await one({ identity }, secure);
  const header = await it.world.put(TEXT, { requireTls: true });
  await deliver(header.id, it.world.ports);
  assert.equal(it.server.messages.length, 0);
  assert.equal((await it.world.state(header))?.recipients[0]?.fault, 'tls-not-offered');
});
