import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type Script,
  startScriptedServer,
} from '../../../packages/transport/src/test-support/scripted-server.ts';
import { deliver } from './deliver.ts';
import { bench, HOUR_MS, identity, on, one, START, secure, TEXT } from './testing.ts';

test('recorder away: nothing is delivered and the message waits', async () => {
  await using it = await one({});
  const header = await it.world.put();
  it.world.world.recorder = 'down';
  const outcome = await deliver(header.id, it.world.ports);
  assert.equal(outcome.kind, 'again');
  assert.equal(it.server.connections(), 0);
});

for (const [what, state] of [
  ['is no JSON', '{"version":1,'],
  ['is of another form', '{"version":1}'],
] as const) {
  test(`a delivery state that ${what} is set aside with its message: nobody knows who has it already`, async () => {
    await using it = await one({});
    const { id } = await it.world.put();
    const place = join(it.world.folder, 'outgoing', `${id}.state`);
    await writeFile(place, state);
    assert.deepEqual(await deliver(id, it.world.ports), { kind: 'done' });
    assert.equal(it.server.connections(), 0);
    const [event] = it.world.events;
    assert.ok(event?.kind === 'corrupt-found');
    assert.deepEqual(await readdir(join(it.world.folder, 'outgoing')), []);
    const kept = join(it.world.folder, 'corrupt', `${id}.state`);
    assert.equal(await readFile(kept, 'utf8'), state);
  });
}

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
