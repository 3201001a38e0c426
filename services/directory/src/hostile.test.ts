import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { der } from '@sallyport/der';
import { makeIdentity } from './test-identity.ts';
import {
  bind,
  codes,
  equals,
  extended,
  message,
  parseResponse,
  search,
  start,
  talk,
} from './testing.ts';

const BIG = Buffer.alloc(60_000).toString('base64');

/** The most memory that a process ever had. */
async function peakBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

test('a client that asks and does not read is sent little, and loses its place', async () => {
  await using running = await start({
    limits: { connectionsPerClient: 1, idleSeconds: 1, searchesPerMinute: 1_000 },
    prepare: async (folder) => {
      const userCertificate = Array.from({ length: 16 }, () => BIG);
      const entries = [{ cn: 'Big', mail: ['big@bravo.example'], userCertificate }];
      await writeFile(join(folder, 'entries.json'), JSON.stringify({ entries }));
    },
  });
  const before = await peakBytes(running.child.pid);
  const socket = await connected(running.port);
  socket.pause();
  const find = (id: number): Buffer => message(id, search(equals('mail', 'big@bravo.example')));
  const asked = 150;
  for (let id = 1; id <= asked; id += 1) socket.write(find(id));
  // One second of silence, and two for it to take what it was sent.
  let isFree = false;
  while (!isFree) {
    await delay(200);
    const [answer] = await talk(running.port, message(1, bind('', '')), 1);
    isFree = answer?.code === 0;
  }
  socket.destroy();
  const grown = (await peakBytes(running.child.pid)) - before;
  const whole = asked * 16 * 60_000;
  assert.ok(grown < whole / 2, `${grown} octets were kept of ${whole} that were asked for`);
});

test('what is said in clear behind a StartTLS request does not count as said under TLS', async () => {
  const identity = makeIdentity();
  await using running = await start({ tls: identity.tls });
  const startTls = message(1, extended('1.3.6.1.4.1.1466.20037'));
  const injected = message(2, search(equals('mail', 'bob@bravo.example')));
  for (const [sent, expected] of [
    [startTls, 'secure'],
    [Buffer.concat([startTls, injected]), 'ended'],
  ] as const) {
    const socket = await connected(running.port);
    socket.write(sent);
    const [said] = (await once(socket, 'data')) as [Buffer];
    assert.deepEqual(parseResponse(said).code, 0);
    const secured = connectTls({ socket, ca: identity.caPem, servername: 'localhost' });
    const outcome = await once(secured, 'secureConnect').then(
      () => 'secure',
      () => 'ended',
    );
    assert.equal(outcome, expected);
    socket.destroy();
  }
});

test('each name of a search counts, and so does a search that names none', async () => {
  await using running = await start({ limits: { searchesPerMinute: 9 } });
  const names = (count: number): Buffer =>
    der.implicit(
      1,
      der.set(...Array.from({ length: count }, (_, i) => equals('mail', `x${i}@bravo.example`))),
    );
  const sent = Buffer.concat([
    message(1, search(names(8))),
    message(2, search(der.implicit(7, der.octetString(Buffer.from('mail'))))),
    message(3, search(equals('mail', 'bob@bravo.example'))),
  ]);
  const responses = await talk(running.port, sent, 3);
  assert.deepEqual(codes(responses), [
    [5, 0],
    [5, 0],
    [5, 51],
  ]);
});

test('after so many operations a session ends, and nothing behind them is answered', async () => {
  await using running = await start();
  const sent = Buffer.concat(Array.from({ length: 1_100 }, (_, i) => message(i + 1, bind('', ''))));
  const responses = await talk(running.port, sent, 2_000);
  assert.equal(responses.filter(({ id }) => id > 0).length, 1_000);
  assert.deepEqual([responses.at(-1)?.id, responses.at(-1)?.code], [0, 51]);
});

test('RFC 4511 4.1.1.1: message ID 0 is malformed', async () => {
  await using running = await start();
  assert.deepEqual(codes(await talk(running.port, message(0, bind('', '')), 9)), [[24, 2]]);
});

test('a client that begins TLS and does not go on holds its place for no more than its session', async () => {
  await using running = await start({
    tls: makeIdentity().tls,
    limits: { connectionsPerClient: 2, idleSeconds: 1, sessionSeconds: 1 },
  });
  const startTls = await connected(running.port);
  startTls.write(message(1, extended('1.3.6.1.4.1.1466.20037')));
  const [said] = (await once(startTls, 'data')) as [Buffer];
  assert.equal(parseResponse(said).code, 0);
  startTls.resume();
  await once(startTls, 'close');
  // Connections count before the handshake.
  const ldaps = [await connected(running.ldaps), await connected(running.https)];
  const third = await connected(running.ldaps);
  await once(third, 'close');
  for (const socket of ldaps) socket.destroy();
});
