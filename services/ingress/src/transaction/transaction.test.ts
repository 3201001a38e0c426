import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newQueueId, systemClock } from '@sallyport/mail';
import { hashPassword } from '@sallyport/password';
import type { Login } from '../auth/password-file.ts';
import { open, RawClient, send } from '../test-client.ts';
import { MemoryPorts, testIngress, testTls } from '../testing.ts';

const RELAY = {
  kind: 'relay' as const,
  host: '127.0.0.1',
  port: 0,
  clients: ['127.0.0.0/8'],
};

test('RFC 5321 4.2.5: 250 comes after file, record and commit; the hint comes last', async () => {
  const memory = new MemoryPorts();
  await using running = await testIngress({ memory, listener: RELAY });
  const client = await open(running.port);
  assert.match(await send(client), /^250 2\.0\.0 queued as [0-9a-z]{20}$/);
  assert.deepEqual(memory.steps, [
    'create',
    'record accepted', // both at once, and both before the rename
    'finish',
    'commit incoming',
    'hint incoming',
  ]);
  const [id = ''] = memory.folders.incoming.keys();
  assert.match(
    memory.body('incoming', id),
    new RegExp(
      `^Received: from inner\\.acme\\.example \\(\\[127\\.0\\.0\\.1\\]\\)\r\n\tby gw\\.acme\\.example with ESMTP id ${id};\r\n\t[A-Z][a-z]{2}, \\d+ [A-Z][a-z]{2} \\d{4} \\d\\d:\\d\\d:\\d\\d \\+0000\r\nSubject: x\r\n\r\nhello\r\n$`,
    ),
  );
  client.end();
});

test('who brings mail faster than it is worked on waits at the next MAIL, not at the 250', async () => {
  const memory = new MemoryPorts();
  const room = Promise.withResolvers<void>();
  memory.hintAnswer = room.promise;
  await using running = await testIngress({ memory, listener: RELAY });
  const client = await open(running.port);
  assert.match(await send(client), /^250/, 'what is on disk is answered at once');
  let isAnswered = false;
  const next = client.command('MAIL FROM:<ann@acme.example>').then((reply) => {
    isAnswered = true;
    return reply;
  });
  const other = await open(running.port);
  assert.match(await other.command('MAIL FROM:<ann@acme.example>'), /^250/, 'others do not wait');
  assert.equal(isAnswered, false);
  room.resolve();
  assert.match(await next, /^250/);
  client.end();
  other.end();
});

test('DS-G1, RFC 3461: evidence, client and DSN parameters are in the queue file header', async () => {
  const memory = new MemoryPorts();
  await using running = await testIngress({ memory, listener: RELAY });
  const client = await open(running.port);
  await client.command('MAIL FROM:<ann@acme.example> RET=HDRS ENVID=e1 BODY=8BITMIME SMTPUTF8');
  await client.command(
    'RCPT TO:<bob@bravo.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@x.example',
  );
  await client.command('RCPT TO:<bob@bravo.example>');
  await client.command('RCPT TO:<eve@bravo.example>');
  await client.command('DATA');
  assert.match(await client.command('x\r\n.'), /^250/);
  const [file] = memory.folders.incoming.values();
  assert.ok(file !== undefined);
  const { id: _id, createdAt: _at, client: facts, ...header } = file.header;
  assert.deepEqual(header, {
    version: 1,
    origin: 'outward',
    reversePath: 'ann@acme.example',
    forwardPaths: [
      { path: 'bob@bravo.example', notify: ['FAILURE', 'DELAY'], orcpt: 'rfc822;bob@x.example' },
      { path: 'eve@bravo.example' },
    ],
    evidence: 'client-address',
    dsn: { ret: 'HDRS', envid: 'e1' },
    smtpUtf8: true,
    eightBit: true,
    requireTls: false,
    extra: {},
  });
  assert.equal(facts?.listener, 'relay');
  assert.equal(facts.address, '127.0.0.1');
  client.end();
});

test('recorder, disk or folder away: 451 or 452, never 250, and nothing stays', async () => {
  const full = Object.assign(new Error('planted'), { code: 'ENOSPC' });
  const cases: [string, Error, string][] = [
    ['record accepted', new Error('planted'), '451 4.3.0 local error in processing'],
    ['finish', new Error('planted'), '451 4.3.0 local error in processing'],
    ['finish', full, '452 4.3.1 insufficient system storage'],
    ['write', full, '452 4.3.1 insufficient system storage'],
    ['write', new Error('planted'), '451 4.3.0 local error in processing'],
    ['commit incoming', new Error('planted'), '451 4.3.0 local error in processing'],
  ];
  for (const [step, failure, expected] of cases) {
    const memory = new MemoryPorts();
    memory.failing.set(step, failure);
    await using running = await testIngress({ memory, listener: RELAY });
    const client = await open(running.port);
    assert.equal(await send(client), expected, step);
    assert.equal(memory.folders.tmp.size + memory.folders.incoming.size, 0, step);
    assert.ok(!memory.steps.includes('hint incoming'), step);
    memory.failing.clear();
    assert.match(await send(client), /^250/, 'the session goes on');
    client.end();
  }
});

test('no room is said at MAIL, a file that cannot be made at DATA', async () => {
  const memory = new MemoryPorts();
  await using running = await testIngress({ memory, listener: RELAY });
  const client = await open(running.port);
  memory.failing.set('room', new Error('planted'));
  assert.equal(
    await client.command('MAIL FROM:<ann@acme.example> SIZE=5'),
    '452 4.3.1 insufficient system storage',
  );
  memory.failing.clear();
  memory.failing.set('create', new Error('planted'));
  await client.command('MAIL FROM:<ann@acme.example>');
  await client.command('RCPT TO:<bob@bravo.example>');
  assert.equal(await client.command('DATA'), '451 4.3.0 local error in processing');
  client.end();
});

test('RFC 5321 6.3: a message with more than 50 Received fields is a loop', async () => {
  const memory = new MemoryPorts();
  await using running = await testIngress({ memory, listener: RELAY });
  const client = await open(running.port);
  const fields = (count: number) => 'rEceived: x\r\n\ty\r\n'.repeat(count);
  assert.match(await send(client, { text: `${fields(50)}\r\n${fields(9)}` }), /^250/);
  assert.equal(await send(client, { text: `${fields(51)}\r\n` }), '554 5.4.6 too many hops');
  assert.equal(memory.folders.tmp.size, 0);
  client.end();
});

test('a stranger at the relay port gets 550, another reverse-path 553, an authority name 550', async () => {
  const memory = new MemoryPorts();
  await using running = await testIngress({
    memory,
    listener: { ...RELAY, clients: ['192.0.2.1', '2001:db8::/32'] },
  });
  const stranger = await open(running.port);
  assert.equal(await stranger.command('MAIL FROM:<ann@acme.example>'), '550 5.7.1 relaying denied');
  stranger.end();
  await using inner = await testIngress({ memory, listener: RELAY });
  const client = await open(inner.port);
  const refused = '553 5.7.1 reverse-path not allowed for this client';
  assert.equal(await client.command('MAIL FROM:<ann@other.example>'), refused);
  assert.equal(await client.command('MAIL FROM:<ann@sub.acme.example>'), refused);
  assert.match(await client.command('MAIL FROM:<>'), /^250/);
  const reserved = '550 5.1.1 address is reserved';
  assert.equal(await client.command('RCPT TO:<Domain-Signing-Authority@acme.example>'), reserved);
  assert.match(await client.command('RCPT TO:<domain-signing-authority@bravo.example>'), /^250/);
  assert.deepEqual(
    memory.events.map(({ kind }) => kind),
    ['refused', 'refused', 'refused', 'refused'],
  );
  client.end();
});

test('a client that vanishes inside DATA, or before its reply, leaves nothing in the spool', async () => {
  for (const when of ['in DATA', 'at the record'] as const) {
    const memory = new MemoryPorts();
    const gone = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    memory.onStep = async (step) => {
      if (step === 'record accepted') {
        client.end();
        gone.resolve();
        await new Promise((resolve) => setTimeout(resolve, 30)); // the server sees the end meanwhile
      }
      if (step === 'abort') left.resolve();
    };
    await using running = await testIngress({ memory, listener: RELAY });
    const client = await open(running.port);
    await client.command('MAIL FROM:<ann@acme.example>');
    await client.command('RCPT TO:<bob@bravo.example>');
    await client.command('DATA');
    client.send(when === 'in DATA' ? 'half' : 'x\r\n.\r\n');
    if (when === 'in DATA') client.socket.end();
    await left.promise;
    assert.equal(memory.folders.tmp.size + memory.folders.incoming.size, 0, when);
    assert.ok(!memory.steps.includes('commit incoming'), when);
  }
});

test('submission: a login sends as its own addresses only, and its name is in no trace field', async () => {
  const hash = await hashPassword('secret', { memoryKib: 1_024, passes: 1, parallelism: 1 });
  const ann: Login = { login: 'ann-login', hash, mayUse: ['ann@acme.example'] };
  const logins = new Map([['ann-login', ann]]);
  const memory = new MemoryPorts();
  const tls = testTls();
  await using running = await testIngress({
    memory,
    tls,
    logins: { logins, refreshed: () => Promise.resolve(logins) },
    listener: { kind: 'submission', host: '127.0.0.1', port: 0, tls: 'implicit' },
  });
  const client = await RawClient.connectTls(running.port, tls.cert);
  await client.reply();
  await client.command('EHLO pc');
  const response = Buffer.from('\0ann-login\0secret').toString('base64');
  assert.match(await client.command(`AUTH PLAIN ${response}`), /^235/);
  assert.match(await client.command('MAIL FROM:<sue@acme.example>'), /^553 5\.7\.1/);
  assert.match(await send(client), /^250/);
  const [[id = '', file] = []] = memory.folders.incoming;
  assert.equal(file?.header.evidence, 'login');
  assert.equal(file.header.client?.login, 'ann-login');
  const body = memory.body('incoming', id);
  assert.match(body, /\(TLSv1\.3 TLS_[A-Z0-9_]+\)\r\n\tby gw\.acme\.example with ESMTPSA id /);
  assert.doesNotMatch(body, /ann-login|bob@bravo/);
  logins.clear();
  assert.match(await client.command('MAIL FROM:<ann@acme.example>'), /^553/, 'login was removed');
  client.end();
});

test('at start tmp is emptied: nobody had a reply for it', async () => {
  const memory = new MemoryPorts();
  memory.addResult(newQueueId(systemClock.now()), {} as never);
  await using _running = await testIngress({ memory, listener: RELAY });
  assert.equal(memory.folders.tmp.size, 0);
});
