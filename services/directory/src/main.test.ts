import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, utimes, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { der } from '@sallyport/der';
import {
  app,
  BASE,
  bind,
  codes,
  entriesOf,
  equals,
  extended,
  message,
  parseResponse,
  type Running,
  search,
  start,
  talk,
  text,
} from './testing.ts';

const noLdapsearch = existsSync('/usr/bin/ldapsearch')
  ? false
  : 'package ldap-utils is not installed';

describe('the directory', () => {
  let running: Running;
  before(async () => {
    running = await start({ limits: { searchesPerMinute: 10_000 } });
  });
  after(() => running.stop());

  test('RFC 4511 4.4.1: malformed BER ends the session with a notice of disconnection', async () => {
    const cases = {
      'another protocol': Buffer.from('GET / HTTP/1.0\r\n\r\n'),
      'an indefinite length': Buffer.from('30800201010000', 'hex'),
      'a message of more than 16 KiB': Buffer.from('3082ffff', 'hex'),
      'no operation': der.sequence(der.integer(1)),
      'an unknown operation': message(1, app(30)),
      'a filter that is none': message(1, search(text('x'))),
    };
    for (const [name, bytes] of Object.entries(cases)) {
      const responses = await talk(running.port, bytes, 9);
      assert.deepEqual(codes(responses), [[24, 2]], name);
      assert.equal(responses[0]?.id, 0);
      assert.ok(responses[0]?.bytes.includes('1.3.6.1.4.1.1466.20036'));
    }
  });

  test('RFC 4513 5.1: only anonymous bind, and only version 3', async () => {
    const sent = Buffer.concat([
      message(1, bind('cn=admin', 'secret')),
      message(2, bind('cn=admin', '')),
      message(3, bind('', '', 2)),
      message(4, app(0, der.integer(3), text(''), der.explicit(3, text('EXTERNAL')))),
      message(5, bind('', '')),
    ]);
    const responses = await talk(running.port, sent, 5);
    assert.deepEqual(codes(responses), [
      [1, 49],
      [1, 53],
      [1, 2],
      [1, 7],
      [1, 0],
    ]);
    assert.deepEqual(
      responses.map(({ id }) => id),
      [1, 2, 3, 4, 5],
    );
  });

  test('the directory is read-only, and knows no other extension', async () => {
    const sent = Buffer.concat([
      message(1, app(8, text('cn=x'), der.sequence())),
      message(
        2,
        der.tagged({ tagClass: 'application', tag: 10, constructed: false }, Buffer.from('cn=x')),
      ),
      message(3, extended('1.3.6.1.4.1.4203.1.11.3')),
      message(4, extended('1.3.6.1.4.1.1466.20037')),
    ]);
    const responses = await talk(running.port, sent, 4);
    assert.deepEqual(codes(responses), [
      [9, 53],
      [11, 53],
      [24, 2],
      [24, 52],
    ]);
  });

  test('RFC 4511 4.1.11: a critical control that we do not know refuses the operation', async () => {
    const control = (critical: boolean) =>
      der.implicit(0, der.sequence(der.sequence(text('1.2.3'), der.boolean(critical))));
    const find = search(equals('mail', 'bob@bravo.example'));
    const refused = await talk(running.port, message(1, find, control(true)), 1);
    assert.deepEqual(codes(refused), [[5, 12]]);
    const ignored = await talk(running.port, message(1, find, control(false)), 2);
    assert.deepEqual(codes(ignored), [
      [4, null],
      [5, 0],
    ]);
  });

  test('CD-8: presence, substring and other bases find nothing; an exact address finds its entry', async () => {
    const nothing = [
      search(der.implicit(7, text('mail'))),
      search(der.implicit(4, der.sequence(text('mail'), der.sequence(der.implicit(0, text('b')))))),
      search(equals('mail', 'bob@bravo.example*')),
    ];
    for (const request of nothing) {
      assert.deepEqual(codes(await talk(running.port, message(1, request), 1)), [[5, 0]]);
    }
    const elsewhere = search(equals('mail', 'bob@bravo.example'), 'dc=other');
    assert.deepEqual(codes(await talk(running.port, message(1, elsewhere), 1)), [[5, 32]]);
    const found = await talk(
      running.port,
      message(1, search(equals('mail', 'BOB@Bravo.Example'))),
      2,
    );
    assert.deepEqual(codes(found), [
      [4, null],
      [5, 0],
    ]);
    assert.ok(found[0]?.bytes.includes('certificate of bob@bravo.example'));
  });

  test('RFC 4511 4.3, 4.11: unbind closes, abandon is silent, one octet at a time is taken', async () => {
    const abandon = der.tagged(
      { tagClass: 'application', tag: 16, constructed: false },
      Buffer.of(1),
    );
    const unbind = der.tagged({ tagClass: 'application', tag: 2, constructed: false });
    const sent = Buffer.concat([
      message(2, abandon),
      message(3, search(equals('mail', 'bob@bravo.example'))),
      message(4, unbind),
      message(5, bind('', '')),
    ]);
    const responses = await talk(running.port, sent, 99);
    assert.deepEqual(
      responses.map(({ id }) => id),
      [3, 3],
    );
    const socket = connect({ host: '127.0.0.1', port: running.port, noDelay: true });
    for (const octet of message(7, bind('', ''))) socket.write(Buffer.of(octet));
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.deepEqual(codes([parseResponse(chunk)]), [[1, 0]]);
    socket.destroy();
  });

  test('a change of the entries file counts without a restart; a broken file changes nothing', async () => {
    const file = join(running.folder, 'entries.json');
    const find = message(1, search(equals('mail', 'dan@bravo.example')));
    const until = async (expected: number): Promise<void> => {
      for (;;) {
        const responses = await talk(
          running.port,
          Buffer.concat([find, message(2, bind('', ''))]),
          2,
        );
        if (responses.filter(({ tag }) => tag === 4).length === expected) return;
        await delay(50); // it looks at the file twice a second
      }
    };
    await writeFile(file, entriesOf('bob@bravo.example', 'dan@bravo.example'));
    await utimes(file, new Date(), new Date(Date.now() + 5_000));
    await Promise.race([until(1), once(running.child, 'exit')]);
    await writeFile(file, '{');
    await delay(600);
    await until(1);
    await writeFile(file, entriesOf('bob@bravo.example', 'carol@bravo.example'));
  });

  test('ldapsearch reads the rootDSE and a certificate', { skip: noLdapsearch }, () => {
    const run = (...args: string[]) =>
      spawnSync(
        '/usr/bin/ldapsearch',
        ['-x', '-LLL', '-o', 'ldif-wrap=no', '-H', `ldap://127.0.0.1:${running.port}`, ...args],
        { timeout: 10_000, encoding: 'utf8' },
      );
    const root = run('-s', 'base', '-b', '', '(objectClass=*)', 'namingContexts');
    assert.match(root.stdout, /namingContexts: dc=bravo,dc=example/);
    const filter = '(&(mail=bob@bravo.example)(|(userCertificate;binary=*)(userCertificate=*)))';
    const found = run('-b', BASE, filter, 'userCertificate;binary');
    const value = /userCertificate;binary:: (\S+)/.exec(found.stdout)?.[1] ?? '';
    assert.equal(Buffer.from(value, 'base64').toString(), 'certificate of bob@bravo.example');
    assert.doesNotMatch(found.stdout, /^(cn|mail):/m);
    assert.equal(run('-b', BASE, '(mail=*)').stdout, '');
  });
});

/** A connection that was let in; the one before it may still be counted for a moment. */
async function openConnection(port: number): Promise<Socket> {
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.write(message(1, bind('', '')));
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    if (parseResponse(chunk).code === 0) return socket;
    socket.destroy();
  }
}

test('searches and connections of one client are bounded', async () => {
  const running = await start({ limits: { searchesPerMinute: 3, connectionsPerClient: 1 } });
  const find = search(equals('mail', 'bob@bravo.example'));
  const sent = Buffer.concat([1, 2, 3, 4].map((id) => message(id, find)));
  const responses = await talk(running.port, sent, 7);
  assert.deepEqual(codes(responses).at(-1), [5, 51]);
  const first = await openConnection(running.port);
  assert.deepEqual(codes(await talk(running.port, message(1, bind('', '')), 9)), [[24, 51]]);
  first.destroy();
  await running.stop();
});

test('SIGINT is ignored, and the directory ends when its parent goes', async () => {
  const running = await start();
  running.child.kill('SIGINT');
  assert.deepEqual(codes(await talk(running.port, message(1, bind('', '')), 1)), [[1, 0]]);
  const ended = once(running.child, 'exit');
  running.child.disconnect();
  assert.deepEqual(await ended, [0, null]);
  await rm(running.folder, { recursive: true, force: true });
});

test('a start that fails says why in one line, and the process ends', async () => {
  const main = new URL('main.ts', import.meta.url).pathname;
  const ended = spawnSync(process.execPath, [main, '/nowhere/options.json'], { encoding: 'utf8' });
  assert.equal(ended.status, 1);
  const told = JSON.parse(ended.stderr) as { event: string; cause: { message: string } };
  assert.equal(told.event, 'directory.not-started');
  assert.match(told.cause.message, /ENOENT/);
});
