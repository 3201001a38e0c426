import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { forkService } from '@sallyport/test/forked-service';
import { freePort } from '@sallyport/test/ports';

const noDig = existsSync('/usr/bin/dig') ? false : 'package bind9-dnsutils is not installed';

const zoneWith = (address: string): string =>
  JSON.stringify({
    zones: [
      {
        name: 'bravo.example',
        secure: true,
        records: [
          { type: 'A', name: 'mx.bravo.example', address },
          { type: 'TXT', name: 'bravo.example', text: 'y'.repeat(2_000) },
        ],
      },
    ],
    servfail: ['broken.example'],
  });

async function start() {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-sandbox-'));
  const zonesFile = join(folder, 'zones.json');
  const port = await freePort();
  const smtpPort = await freePort();
  await writeFile(zonesFile, zoneWith('127.0.0.1'));
  const options = {
    dns: { host: '127.0.0.1', port, zonesFile },
    sinks: [{ name: 'sink', host: '127.0.0.1', port: smtpPort, folder: join(folder, 'sink') }],
  };
  await writeFile(join(folder, 'options.json'), JSON.stringify(options));
  const main = new URL('./main.ts', import.meta.url);
  const { child, stop: end } = await forkService(main, join(folder, 'options.json'));
  const stop = async (): Promise<void> => {
    await end();
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, port, smtpPort, zonesFile, child, [Symbol.asyncDispose]: stop };
}

test('RFC 1035: dig reads answers, AD, SERVFAIL, truncation and a changed zone', {
  skip: noDig,
}, async () => {
  await using sandbox = await start();
  const dig = (...args: string[]): string =>
    spawnSync('/usr/bin/dig', ['-p', String(sandbox.port), '@127.0.0.1', ...args], {
      encoding: 'utf8',
      timeout: 10_000,
    }).stdout;
  const answer = dig('mx.bravo.example', 'A');
  assert.match(answer, /flags: [^;]* ad;/);
  assert.match(answer, /IN\s+A\s+127\.0\.0\.1/);
  assert.match(dig('x.broken.example', 'A'), /SERVFAIL/);
  assert.match(dig('none.bravo.example', 'A'), /NXDOMAIN/);
  assert.match(dig('bravo.example', 'TXT'), /\(TCP\)/);
  await writeFile(sandbox.zonesFile, zoneWith('127.0.0.42'));
  assert.match(dig('mx.bravo.example', 'A'), /127\.0\.0\.42/);
});

async function reply(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

test('RFC 5321: a sink keeps the message byte for byte and tells its parent', async () => {
  await using sandbox = await start();
  const socket = connect({ host: '127.0.0.1', port: sandbox.smtpPort });
  await reply(socket);
  const told = once(sandbox.child, 'message');
  const body = 'Subject: x\r\n\r\n. dot\r\n\u00e9\r\n';
  for (const line of ['EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<bob@bravo.example>', 'DATA']) {
    socket.write(`${line}\r\n`);
    assert.match(await reply(socket), /^[23]/);
  }
  socket.write(`${body.replace('. dot', '.. dot')}.\r\n`);
  assert.match(await reply(socket), /^250/);
  socket.destroy();
  const [report] = (await told) as [Record<string, unknown>];
  const file = join(sandbox.folder, 'sink', '000001.eml');
  assert.deepEqual(report, {
    kind: 'message',
    sink: 'sink',
    file,
    reversePath: '',
    forwardPaths: ['bob@bravo.example'],
    sizeBytes: Buffer.byteLength(body),
    tls: null,
  });
  assert.equal(await readFile(file, 'utf8'), body);
  assert.deepEqual((await readdir(join(sandbox.folder, 'sink'))).sort(), [
    '000001.eml',
    '000001.json',
  ]);
});
