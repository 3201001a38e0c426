import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectSocket, egressProtocol, recorderProtocol, serveSocket } from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { newQueueId } from '@sallyport/mail';
import { generateReaderKey, Spool } from '@sallyport/spool';
import { importPolicy } from '../../../packages/policy-store/src/write.ts';
import { startScriptedServer } from '../../../packages/transport/src/test-support/scripted-server.ts';
import { putOutgoing, TEXT } from './testing.ts';

const now = () => new Date();
const logger = createLogger({ service: 'test', now, write: () => {} });

/** A folder with keys, a policy and a recorder that takes everything. */
async function world(port: number) {
  const folder = await mkdtemp(join(tmpdir(), 'sp-eg-'));
  const at = (name: string) => join(folder, name);
  await mkdir(at('spool'));
  const imported = await importPolicy(at('policy'), 'partners: []\n', {
    author: 'test',
    reason: 'a test of egress',
    now: now(),
  });
  assert.equal(imported.kind, 'imported');
  const [egress, worker] = [generateReaderKey(), generateReaderKey()];
  await writeFile(at('egress.key'), egress.privateKeyPem, { mode: 0o600 });
  await writeFile(at('worker.pub'), worker.publicKeyPem);
  const events: { kind: string }[] = [];
  const recorded = new EventTarget();
  const recorder = await serveSocket({
    path: at('recorder.sock'),
    protocol: recorderProtocol,
    logger,
    handlers: {
      record: ({ event }) => {
        events.push(event);
        recorded.dispatchEvent(new Event(event.kind));
        return { index: events.length };
      },
      head: () => ({ size: 0, root: '', time: now().toISOString() }),
    },
  });
  const options = {
    gatewayName: 'gw.acme.example',
    ownDomains: ['bravo.example'],
    listen: at('egress.sock'),
    recorderSocket: at('recorder.sock'),
    workerSocket: null,
    policyFolder: at('policy'),
    spool: {
      folder: at('spool'),
      privateKeyFile: at('egress.key'),
      workerPublicKeyFile: at('worker.pub'),
    },
    pausedFile: at('paused.json'),
    dns: { servers: [{ host: '127.0.0.1', port: 1 }] },
    mtaSts: { folder: at('mta-sts') },
    routes: [
      {
        domain: 'bravo.example',
        nextHops: [{ host: '127.0.0.1', port }],
        tlsRule: { level: 'none' },
      },
    ],
  };
  await writeFile(at('options.json'), JSON.stringify(options));
  const spool = await Spool.open({
    folder: at('spool'),
    readerKeys: { egress: egress.publicKeyPem },
    logger,
  });
  return {
    options,
    optionsFile: at('options.json'),
    spool,
    once: (kind: string) => once(recorded, kind),
    [Symbol.asyncDispose]: async () => {
      await spool.close();
      await recorder.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function put(spool: Spool) {
  const id = newQueueId(now());
  await putOutgoing(spool, TEXT, { id, createdAt: now().toISOString(), origin: 'inward' });
  return id;
}

test('egress starts, finds what waits, takes hints and queue verbs, and ends on SIGTERM', async () => {
  await using server = await startScriptedServer({ extensions: ['SIZE 4321'] });
  await using it = await world(server.port);
  const before = await put(it.spool);
  const relayed = it.once('relayed');
  const child = fork(new URL('./main.ts', import.meta.url), [it.optionsFile], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  try {
    assert.deepEqual(await once(child, 'message'), ['ready', undefined]);
    await relayed;
    const client = connectSocket({
      path: it.options.listen,
      protocol: egressProtocol,
      deadlineMs: 5_000,
    });
    assert.deepEqual(await client.call('probeSize', { domain: 'bravo.example' }), {
      sizeBytes: 4321,
    });
    await client.call('pause', { destination: 'bravo.example', by: 'admin' });
    const id = await put(it.spool);
    await client.call('hint', { id });
    const { entries } = await client.call('list', {});
    assert.deepEqual(
      entries.filter((entry) => entry.id !== before).map((entry) => [entry.id, entry.state]),
      [[id, 'paused']],
    );
    const again = it.once('relayed');
    await client.call('resume', { destination: 'bravo.example', by: 'admin' });
    await again;
    assert.equal(server.messages.length, 2);
    await client.call('pause', { destination: 'bravo.example', by: 'admin' });
    const dropped = await put(it.spool);
    await client.call('hint', { id: dropped });
    assert.deepEqual(await client.call('drop', { id: dropped, by: 'admin', notify: false }), {
      kind: 'done',
    });
    assert.deepEqual(await client.call('show', { id: dropped }), { kind: 'unknown-id' });
    client.close();
  } finally {
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  }
});
