import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, sallyport, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { runOk } from '../harness/process.ts';
import { type Redis, startRedis } from '../harness/redis.ts';
import { sendMessage } from '../harness/smtp-client.ts';

const skip = skipWithout('postfix', 'redis-server');

describe('the redis queue driver', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let inner: Postfix;
  let redis: Redis;
  let gateway: Gateway;

  before(async () => {
    const folder = stack.use(await temporaryFolder('redis-url'));
    redis = stack.use(await startRedis());
    const urlFile = join(folder.path, 'url');
    await writeFile(urlFile, `${redis.url}\n`, { mode: 0o600 });
    inner = stack.use(
      await startPostfix({ role: 'inner', name: 'mail.acme.example', domains: ['acme.example'] }),
    );
    gateway = stack.use(
      await startGateway(
        {
          domain: 'acme.example',
          innerPort: inner.port,
          dnsPort: await freePort(),
          egressPort: inner.port,
          config: { queue: { driver: 'redis', urlFile } },
        },
        { partners: [] },
      ),
    );
  });
  after(() => stack.disposeAsync());

  const send = async (subject: string): Promise<void> => {
    const header = { from: 'alice@acme.example', to: 'carol@acme.example', subject };
    const data = textMessage({ ...header, text: 'by way of Redis' });
    await sendMessage(gateway.relay, { from: header.from, to: [header.to], data });
  };
  const copiesOf = async (subject: string): Promise<number> =>
    (await inner.messages()).filter((one) => one.raw.includes(`Subject: ${subject}\r\n`)).length;

  test('carries mail through both queues', async () => {
    await send('plain-way');
    await inner.waitForMessages((one) => one.raw.includes('Subject: plain-way'));
    const keys = String(await runOk('redis-cli', ['-p', String(redis.port), 'keys', '*']));
    assert.match(keys, /egress/);
    assert.match(keys, /outward/);
  });

  test('loses no mail and doubles none when Redis is emptied while mail waits', async () => {
    const verb = async (name: string): Promise<void> => {
      const result = await sallyport('queue', name, 'acme.example', '--config', gateway.configFile);
      assert.equal(result.code, 0, result.stderr);
    };
    await verb('pause');
    const subjects = ['emptied-1', 'emptied-2', 'emptied-3'];
    for (const subject of subjects) await send(subject);
    for (let waits = 0; waits < 3; ) {
      waits = (await gateway.queue('incoming')).length + (await gateway.queue('outgoing')).length;
    }
    await runOk('redis-cli', ['-p', String(redis.port), 'flushall']);
    await gateway.stop();
    await gateway.start();
    await verb('resume');
    for (const subject of subjects) {
      await inner.waitForMessages((one) => one.raw.includes(`Subject: ${subject}`), {
        timeoutMs: 30_000,
      });
    }
    for (const subject of subjects) assert.equal(await copiesOf(subject), 1, subject);
    assert.deepEqual(await gateway.queue('outgoing'), []);
  });
});
