import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Gateway, makeGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import { type Redis, startRedis } from '../harness/redis.ts';
import {
  politeScript,
  type ScriptedServer,
  startScriptedServer,
} from '../harness/scripted-server.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const skip = skipWithout('redis-server');

describe('the queue on Redis', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let redis: Redis;
  let gateway: Gateway;
  let innerPort: number;
  let inner: ScriptedServer | null = null;

  before(async () => {
    redis = stack.use(await startRedis());
    innerPort = await freePort();
    gateway = stack.use(
      await makeGateway({
        domain: 'acme.example',
        innerPort,
        dnsPort: await freePort(),
        egressPort: innerPort,
        config: {
          queue: { driver: 'redis', urlFile: 'redis-url' },
          retry: { first: '1s', longest: '1s' },
        },
      }),
    );
    await writeFile(join(gateway.folder, 'redis-url'), redis.url, { mode: 0o600 });
    await gateway.setPolicy({ partners: [] });
    await gateway.start();
  });
  after(() => stack.disposeAsync());

  const send = async (text: string): Promise<number> => {
    const [from, to] = ['alice@acme.example', 'zoe@acme.example'];
    const data = textMessage({ from, to, text });
    return (await sendMessage(gateway.relay, { from, to: [to], data })).code;
  };
  const arrived = async (text: string, timeoutMs = 90_000): Promise<void> => {
    await waitFor(() => inner?.lines.includes(text) ?? false, {
      what: `${text} at the inner MTA`,
      timeoutMs,
    }).catch((cause: unknown) => {
      throw new Error(gateway.output().slice(-4_000), { cause });
    });
  };
  const command = async (line: string): Promise<string> => {
    const socket = connect(redis.port, '127.0.0.1');
    socket.write(`${line}\r\n`);
    const [reply] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return String(reply);
  };

  test('emptying Redis while mail waits loses none', { timeout: 120_000 }, async () => {
    assert.equal(await send('before the flush'), 250);
    await gateway.waitForEvent((event) => event.kind === 'deferred');
    assert.match(await command('DBSIZE'), /^:[1-9]/, 'its job is in Redis');
    await command('FLUSHALL');
    inner = stack.use(await startScriptedServer(politeScript(), { port: innerPort }));
    // Every start scans the spool and makes missing jobs again; so does every minute.
    await gateway.kill('egress');
    await arrived('before the flush');
  });

  test('mail is accepted while Redis is dead: the spool is the truth', {
    timeout: 120_000,
  }, async () => {
    redis.server.signal('SIGKILL');
    await redis.server.ended;
    assert.equal(await send('while redis is dead'), 250);
    const held = [...(await gateway.queue('incoming')), ...(await gateway.queue('outgoing'))];
    assert.ok(held.length > 0 || inner?.lines.includes('while redis is dead'));
    await redis.start();
    await arrived('while redis is dead');
  });
});
