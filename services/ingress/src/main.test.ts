import assert from 'node:assert/strict';
import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { type AuditEvent, auditEventSchema } from '@sallyport/audit-log';
import { hintProtocol, type IpcServer, recorderProtocol, serveSocket } from '@sallyport/ipc';
import { parseQueueId, readContent } from '@sallyport/mail';
import { generateReaderKey, Spool } from '@sallyport/spool';
import { freePort } from '@sallyport/test/ports';
import type { IngressOptionsInput } from './options.ts';
import { RawClient } from './test-client.ts';
import { silentLogger } from './testing.ts';

const MAIN = new URL('./main.ts', import.meta.url).pathname;

/** A folder, the processes around ingress played by the test, and ingress itself. */
class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'sp-'));
  readonly events: AuditEvent[] = [];
  readonly hints: string[] = [];
  readonly keys = generateReaderKey();
  readonly #servers: IpcServer[] = [];
  #child: ChildProcess | null = null;
  port = 0;

  async options(): Promise<IngressOptionsInput> {
    this.port = await freePort();
    writeFileSync(join(this.folder, 'worker.pub'), this.keys.publicKeyPem);
    return {
      name: 'gw.acme.example',
      domains: ['acme.example'],
      listeners: [{ kind: 'relay', host: '127.0.0.1', port: this.port, clients: ['127.0.0.1'] }],
      spool: {
        folder: join(this.folder, 'spool'),
        workerKeyFile: join(this.folder, 'worker.pub'),
      },
      sockets: {
        recorder: join(this.folder, 'r.sock'),
        outwardHints: join(this.folder, 'o.sock'),
      },
      recorderDeadlineMs: 2_000,
    };
  }

  async serveRecorder(): Promise<IpcServer> {
    const server = await serveSocket({
      path: join(this.folder, 'r.sock'),
      protocol: recorderProtocol,
      logger: silentLogger(),
      handlers: {
        record: ({ event }) => {
          this.events.push(auditEventSchema.parse(event));
          return { index: this.events.length - 1 };
        },
        head: () => ({ size: 0, root: '', time: new Date(0).toISOString() }),
      },
    });
    this.#servers.push(server);
    return server;
  }

  async serveHints(): Promise<void> {
    const never = () => {
      throw new Error('not part of this test');
    };
    const server = await serveSocket({
      path: join(this.folder, 'o.sock'),
      protocol: hintProtocol,
      logger: silentLogger(),
      handlers: {
        hint: ({ id }) => {
          this.hints.push(id);
          return {};
        },
        ...{ list: never, show: never, release: never, retry: never },
        ...{ drop: never, pause: never, resume: never },
      },
    });
    this.#servers.push(server);
  }

  /** Starts ingress and waits until it listens, or until it has ended. */
  async start(options: unknown): Promise<ChildProcess & { errors: string }> {
    const file = join(this.folder, 'ingress.json');
    writeFileSync(file, JSON.stringify(options));
    const child = Object.assign(
      fork(MAIN, [file], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] }),
      {
        errors: '',
      },
    );
    child.stderr?.on('data', (chunk: Buffer) => {
      child.errors += chunk.toString();
    });
    this.#child = child;
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
    return child;
  }

  spool(): Promise<Spool> {
    return Spool.open({
      folder: join(this.folder, 'spool'),
      readerKeys: {},
      privateKey: { name: 'worker', pem: this.keys.privateKeyPem },
      logger: silentLogger(),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child !== null && this.#child.exitCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    for (const server of this.#servers) await server.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** swaks as the inner MTA; its exit code says what became of the message. */
async function swaks(port: number): Promise<string> {
  const args = ['--server', `127.0.0.1:${port}`, '--from', 'ann@acme.example'];
  args.push('--to', 'bob@bravo.example', '--header', 'Subject: hello', '--body', '.dot\n..two');
  const done = await promisify(execFile)('swaks', args).catch((error: unknown) => error);
  return typeof done === 'object' && done !== null && 'stdout' in done ? String(done.stdout) : '';
}

const hasSwaks = await promisify(execFile)('swaks', ['--version']).then(
  () => true,
  () => false,
);

test('the process takes mail over real sockets into a sealed spool, and ends on SIGTERM', {
  skip: hasSwaks ? false : 'needs Debian package swaks',
}, async () => {
  await using site = new Site();
  await site.serveRecorder();
  await site.serveHints();
  const child = await site.start(await site.options());
  child.kill('SIGINT'); // Ctrl-C is the supervisor's to act on
  const transcript = await swaks(site.port);
  assert.match(transcript, /250 2\.0\.0 queued as [0-9a-z]{20}/);
  const spool = await site.spool();
  const ids: string[] = [];
  for await (const name of spool.list('incoming')) ids.push(name);
  const id = parseQueueId(ids[0] ?? '');
  assert.ok(id !== null);
  const read = await spool.read('incoming', id);
  assert.ok(read.kind === 'ok');
  assert.equal(read.header.reversePath, 'ann@acme.example');
  const text = (await readContent(read.content)).toString('latin1');
  assert.match(text, /^Received: from .*\r\n\tby gw\.acme\.example with ESMTP id /);
  assert.match(text, /\r\n\r\n\.dot\r\n\.\.two\r\n/);
  await spool.close();
  assert.deepEqual(
    site.events.map(({ kind }) => kind),
    ['accepted'],
  );
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.deepEqual(site.hints, [id]);
  assert.doesNotMatch(child.errors, /"level":"error"/);
});

test('recorder down is 451 and leaves nothing; when it is back mail is taken again', async () => {
  await using site = new Site();
  await site.start(await site.options());
  const client = await RawClient.connect(site.port);
  await client.reply();
  await client.command('EHLO inner');
  const deliver = async () => {
    await client.command('MAIL FROM:<ann@acme.example>');
    await client.command('RCPT TO:<bob@bravo.example>');
    await client.command('DATA');
    return client.command('Subject: canary\r\n\r\nx\r\n.');
  };
  assert.equal(await deliver(), '451 4.3.0 local error in processing');
  for (const folder of ['tmp', 'incoming']) {
    assert.deepEqual(readdirSync(join(site.folder, 'spool', folder)), [], folder);
  }
  await site.serveRecorder();
  assert.match(await deliver(), /^250 2\.0\.0 queued as /);
  client.end();
});

test('kill -9 inside DATA: the next start leaves nothing in tmp and what was accepted in incoming', async () => {
  await using site = new Site();
  await site.serveRecorder();
  const options = await site.options();
  const first = await site.start(options);
  const client = await RawClient.connect(site.port);
  await client.reply();
  const head = 'MAIL FROM:<ann@acme.example>\r\nRCPT TO:<bob@bravo.example>\r\nDATA\r\n';
  client.send(`EHLO inner\r\n${head}one\r\n.\r\n${head}`);
  const replies: string[] = [];
  while (replies.filter((reply) => reply.startsWith('354')).length < 2) {
    replies.push(await client.reply());
  }
  client.send('x\r\n'.repeat(100_000));
  first.kill('SIGKILL');
  await once(first, 'exit');
  await site.start(options);
  assert.deepEqual(readdirSync(join(site.folder, 'spool', 'tmp')), []);
  assert.equal(readdirSync(join(site.folder, 'spool', 'incoming')).length, 1);
});

test('options with an unknown key, or without the TLS that they need, are refused with the path', async () => {
  await using site = new Site();
  const options = await site.options();
  const cases: [object, RegExp][] = [
    [{ ...options, colour: 'red' }, /colour/],
    [{ ...options, judgeDeadlineMs: 600_000 }, /judgeDeadlineMs/],
    [
      {
        ...options,
        listeners: [{ kind: 'submission', host: '127.0.0.1', port: 0, tls: 'required' }],
      },
      /listeners\[0\]\.tls/,
    ],
    [
      {
        ...options,
        listeners: [{ kind: 'partner', host: '127.0.0.1', port: 0, lineEnds: 'normalise' }],
      },
      /lineEnds/,
    ],
  ];
  for (const [bad, expected] of cases) {
    const child = await site.start(bad);
    assert.equal(child.exitCode, 1);
    assert.match(child.errors, expected);
  }
});

test('the process ends when its supervisor has gone', async () => {
  await using site = new Site();
  const child = await site.start(await site.options());
  child.disconnect();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
