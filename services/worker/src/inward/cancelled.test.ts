/** What stays in `tmp` of a judgement that nobody waits for any more. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createLogger } from '@sallyport/log';
import { newQueueId, type QueueId } from '@sallyport/mail';
import { parsePolicyDocument } from '@sallyport/policy';
import { generateReaderKey, type QueueFileHeader, Spool } from '@sallyport/spool';
import { KeyChangeLog } from '../shared/key-change-log.ts';
import type { Keyring } from '../shared/keyholder-client.ts';
import { silentLookup } from '../shared/test-lookup-ports.ts';
import { releaseInward } from './release.ts';
import { type InwardPorts, inwardHandlers } from './serve-inward.ts';

const NOW = new Date('2026-11-21T08:00:00Z');
const TEXT = 'From: bob@bravo.example\r\nContent-Type: text/plain\r\n\r\nhello\r\n';

async function bench(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-cancelled-'));
  const logger = createLogger({ service: 'test', now: () => NOW, write: () => {} });
  const [worker, egress] = [generateReaderKey(), generateReaderKey()];
  const readerKeys = { worker: worker.publicKeyPem, egress: egress.publicKeyPem };
  const privateKey = { name: 'worker', pem: worker.privateKeyPem } as const;
  const spool = await Spool.open({ folder, readerKeys, privateKey, logger });
  t.after(async () => {
    await spool.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const parsed = parsePolicyDocument({});
  assert.ok(parsed.kind === 'ok');
  const active = { version: 1, sha256: '', policy: parsed.policy };
  const ports = {
    ...{ spool, logger, clock: { now: () => NOW }, scanner: null, askers: new Map() },
    ...{ authservId: 'gw.our.example', decryptionFloorMs: 0 },
    keyring: { ownRecipients: () => Promise.resolve([]), unwrapperFor: () => null } as unknown,
    policy: { current: () => Promise.resolve(active) } as unknown,
    recorder: { record: () => Promise.resolve() },
    mayOpenFor: () => () => Promise.resolve(true),
    correlates: () => Promise.resolve(false),
    lookup: silentLookup({ now: () => NOW }),
    keyChangeLog: new KeyChangeLog({ record: () => Promise.resolve() }),
  } as InwardPorts & { keyring: Keyring };
  const put = async (target: 'tmp' | 'hold', extra: QueueFileHeader['extra'] = {}) => {
    const header: QueueFileHeader = {
      ...({ version: 1, id: newQueueId(NOW), createdAt: NOW.toISOString() } as const),
      ...({ origin: 'inward', reversePath: 'bob@bravo.example', client: null } as const),
      ...{ forwardPaths: [{ path: 'ann@our.example' }], evidence: null, dsn: {} },
      ...{ smtpUtf8: false, eightBit: false, requireTls: false, extra },
    };
    const writer = await spool.create('tmp', header, 'worker');
    await writer.write(Buffer.from(TEXT));
    await writer.finish({ syncNow: true });
    if (target !== 'tmp') await spool.commit(header.id, 'tmp', target);
    return header;
  };
  const ids = async (where: 'tmp' | 'hold' | 'outgoing'): Promise<QueueId[]> => {
    const found: QueueId[] = [];
    for await (const id of spool.list(where)) found.push(id);
    return found;
  };
  return { spool, ports, put, ids };
}

const paramsOf = (header: QueueFileHeader) => ({
  queueId: header.id,
  client: {
    ...{ address: '192.0.2.1', port: 4711, helo: 'mx.bravo.example', tls: null, login: null },
    listener: 'partner' as const,
  },
  reversePath: header.reversePath,
  forwardPaths: header.forwardPaths.map(({ path }) => path),
  sizeBytes: TEXT.length,
});

test('a cancel while the result is written leaves nothing in tmp; one that comes late stays without effect', async (t) => {
  const it = await bench(t);
  const header = await it.put('tmp');
  const context = { closed: new AbortController().signal };
  const create = it.spool.create.bind(it.spool);
  let cancels = true;
  it.spool.create = async (...given) => {
    if (cancels) await handlers.cancel({ queueId: header.id }, context);
    return await create(...given);
  };
  const handlers = inwardHandlers(it.ports);
  const cancelled = await handlers.judge(paramsOf(header), context);
  assert.deepEqual(cancelled, { kind: 'defer', fault: 'verdict-timeout' });
  assert.deepEqual(await it.ids('tmp'), [header.id]);

  cancels = false;
  // Ingress cancels also what is over: that must not spoil the id, nor fill a list for good.
  await handlers.cancel({ queueId: header.id }, context);
  assert.equal((await handlers.judge(paramsOf(header), context)).kind, 'accept');
});

test('what egress could not deliver is released as it was judged, without a second verdict', async (t) => {
  const it = await bench(t);
  const judged = { heldFrom: newQueueId(NOW), hold: { fault: 'internal', rule: 'egress' } };
  const header = await it.put('hold', judged);
  const relayed: QueueId[] = [];
  const ports = { ...it.ports, relay: (id: QueueId) => relayed.push(id) };
  const down = () => Promise.reject(new Error('recorder down'));
  await assert.rejects(releaseInward(header.id, { ...ports, record: down }), /recorder down/);
  assert.deepEqual([...relayed, ...(await it.ids('tmp')), ...(await it.ids('outgoing'))], []);
  const record = () => Promise.resolve();
  const refusal = await releaseInward(header.id, { ...ports, record });
  assert.equal(refusal, null);
  assert.deepEqual(await it.ids('hold'), []);
  assert.deepEqual(await it.ids('outgoing'), relayed);
  const [id] = relayed;
  const read = id === undefined ? null : await it.spool.readHeader('outgoing', id);
  assert.ok(read?.kind === 'ok');
  assert.equal(read.sizeBytes, TEXT.length, 'byte for byte');
});
