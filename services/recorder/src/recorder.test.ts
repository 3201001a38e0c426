import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  LOG_KEY_FILE,
  parseSegmentName,
  type RecordedEvent,
  recentEvents,
  type VerifyOptions,
  verifyLog,
} from '@sallyport/audit-log';
import { connectSocket, IpcRefused, IpcUnavailable, recorderProtocol } from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { newQueueId } from '@sallyport/mail';
import { recorderOptionsSchema } from './options.ts';
import { startRecorder } from './recorder.ts';
import { type OpenSegment, openSegmentFile } from './segment-file.ts';

let root = '';
let count = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'rec-'));
});
after(() => rm(root, { recursive: true }));

const clock = { now: () => new Date() };
const logger = createLogger({ service: 'recorder', now: clock.now, write: () => {} });

async function setup() {
  count += 1;
  const base = join(root, String(count));
  const keyFile = `${base}.pem`;
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const options = recorderOptionsSchema.parse({
    folder: join(base, 'audit'),
    privateKeyFile: keyFile,
    socket: `${base}.sock`,
  });
  const client = connectSocket({
    path: options.socket,
    protocol: recorderProtocol,
    deadlineMs: 10_000,
  });
  return { options, client, keyFile };
}

const names = async (folder: string) =>
  (await readdir(folder)).filter((name) => parseSegmentName(name) !== null).sort();
const segmentsOf = async (folder: string) =>
  (await names(folder)).map((name) => ({ name, bytes: createReadStream(join(folder, name)) }));
const events = async (folder: string): Promise<RecordedEvent[]> =>
  recentEvents(await segmentsOf(folder), {}, 100_000);
async function verify(folder: string, options: VerifyOptions = {}) {
  const key = createPublicKey(await readFile(join(folder, LOG_KEY_FILE)));
  return await verifyLog(await segmentsOf(folder), key, options);
}

const accepted = (queueId: string) => ({
  kind: 'accepted',
  queueId,
  origin: 'outward',
  sizeBytes: 1,
  personal: { reversePath: 'alice@acme.example' },
});
const intent = (queueId: string) => ({
  kind: 'key-intent',
  queueId,
  keyId: 'k1',
  operation: 'sign',
});
const id = () => newQueueId(new Date());
const refused = (fault: string | null, message: RegExp) => (error: unknown) =>
  error instanceof IpcRefused && error.fault === fault && message.test(error.message);

test('events of no known kind or shape are refused and leave no trace', async () => {
  const { options, client } = await setup();
  const recorder = await startRecorder({ options, logger, clock });
  const bad = { kind: 'accepted', queueId: 'x' };
  await assert.rejects(
    client.call('record', { event: bad, durable: true }),
    refused(null, /^invalid-event/),
  );
  await assert.rejects(
    client.call('record', { event: { kind: 'gossip' }, durable: true }),
    refused(null, /^invalid-event/),
  );
  client.close();
  await recorder.close('test');
  const kinds = (await events(options.folder)).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['service-started', 'service-stopped']);
  assert.equal((await verify(options.folder)).kind, 'ok');
});

test('an intent to sign what was never accepted is refused, before and after a restart', async () => {
  const { options, client } = await setup();
  let recorder = await startRecorder({ options, logger, clock });
  const queueId = id();
  const sign = () => client.call('record', { event: intent(queueId), durable: true });
  await assert.rejects(sign(), refused(null, /^not-accepted$/));
  await client.call('record', { event: accepted(queueId), durable: true });
  await sign();
  await recorder.close('test');
  recorder = await startRecorder({ options, logger, clock });
  await sign();
  await assert.rejects(
    client.call('record', { event: intent(id()), durable: true }),
    refused(null, /^not-accepted$/),
  );
  client.close();
  await recorder.close('test');
});

test('a report of ours counts as accepted; an unwrap and a use of the CA key need no accepted record', async () => {
  const { options, client } = await setup();
  let recorder = await startRecorder({ options, logger, clock });
  const dsnId = id();
  const dsn = { kind: 'dsn-created', queueId: id(), dsnId, action: 'failed' };
  await client.call('record', { event: dsn, durable: false });
  await client.call('record', { event: intent(dsnId), durable: true });
  await recorder.close('test');
  recorder = await startRecorder({ options, logger, clock });
  await client.call('record', { event: intent(dsnId), durable: true });
  for (const operation of ['unwrap', 'sign-crl', 'sign-certificate']) {
    const event = { ...intent(id()), operation };
    await client.call('record', { event, durable: true });
  }
  client.close();
  await recorder.close('test');
});

test('an outcome closes its own intent once; one left open is closed as unknown at the next start', async () => {
  const { options, client } = await setup();
  let recorder = await startRecorder({ options, logger, clock });
  const queueId = id();
  await client.call('record', { event: accepted(queueId), durable: true });
  const { index } = await client.call('record', { event: intent(queueId), durable: true });
  const { index: open } = await client.call('record', { event: intent(queueId), durable: true });
  const outcome = { ...intent(queueId), kind: 'key-outcome', intent: index, outcome: 'done' };
  const tell = (event: { kind: string; [fact: string]: unknown }) =>
    client.call('record', { event, durable: true });
  await assert.rejects(tell({ ...outcome, keyId: 'k2' }), refused(null, /^no-open-intent$/));
  await tell(outcome);
  await assert.rejects(tell(outcome), refused(null, /^no-open-intent$/));
  await recorder.close('test');
  recorder = await startRecorder({ options, logger, clock });
  await assert.rejects(tell({ ...outcome, intent: open }), refused(null, /^no-open-intent$/));
  client.close();
  await recorder.close('test');
  const outcomes = (await events(options.folder)).filter(({ kind }) => kind === 'key-outcome');
  assert.deepEqual(
    outcomes.map(({ facts }) => [facts['intent'], facts['outcome']]),
    [
      [index, 'done'],
      [open, 'unknown'],
    ],
  );
});

test('all durable events that wait share one write; others ride with them', async () => {
  const { options, client } = await setup();
  let writes = 0;
  const counting: OpenSegment = async (path) => {
    const file = await openSegmentFile(path);
    return {
      appendAt: (offset, bytes) => {
        writes += 1;
        return file.appendAt(offset, bytes);
      },
      close: () => file.close(),
    };
  };
  const recorder = await startRecorder({ options, logger, clock, openSegment: counting });
  writes = 0;
  const calls = Array.from({ length: 200 }, (_, i) =>
    client.call('record', { event: accepted(id()), durable: i % 2 === 0 }),
  );
  const indexes = (await Promise.all(calls)).map(({ index }) => index);
  assert.deepEqual(
    indexes,
    Array.from({ length: 200 }, (_, i) => i + 1),
  );
  assert.ok(writes <= 3, `${writes} writes`);
  assert.equal((await client.call('head', {})).size, 201);
  client.close();
  await recorder.close('test');
});

test('an event that nobody waits for is on the disk within the commit delay', async () => {
  const { options, client } = await setup();
  const recorder = await startRecorder({ options, logger, clock });
  const start = performance.now();
  await client.call('record', { event: accepted(id()), durable: false });
  while ((await client.call('head', {})).size < 2) {
    assert.ok(performance.now() - start < 5_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(performance.now() - start < 1_000);
  client.close();
  await recorder.close('test');
});

test('a torn tail is cut and recorded; damage before a head stops the start and cuts nothing', async () => {
  const { options, client } = await setup();
  let recorder = await startRecorder({ options, logger, clock });
  await client.call('record', { event: accepted(id()), durable: true });
  await recorder.close('test');
  const [name = ''] = await names(options.folder);
  const path = join(options.folder, name);
  await appendFile(path, '{"leaf":"torn\n{"leaf":"torn aga');
  recorder = await startRecorder({ options, logger, clock });
  await recorder.close('test');
  const recovered = (await events(options.folder)).find(({ kind }) => kind === 'log-recovered');
  assert.deepEqual([recovered?.facts['cutBytes'], recovered?.facts['cutLines']], [31, 1]);
  assert.equal((await verify(options.folder)).kind, 'ok');
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.replace('outward', 'inward!'));
  await assert.rejects(startRecorder({ options, logger, clock }), /damaged at line/);
  assert.equal((await stat(path)).size, whole.length);
  client.close();
});

test('segments are full runs of leaves, a torn new one goes, and the whole log verifies', async () => {
  const { options, client } = await setup();
  const parts = { options, logger, clock, segmentLeaves: 8 };
  let recorder = await startRecorder(parts);
  await Promise.all(
    Array.from({ length: 30 }, () =>
      client.call('record', { event: accepted(id()), durable: true }),
    ),
  );
  await recorder.close('test'); // 32 leaves: the last segment is full
  assert.equal((await names(options.folder)).length, 4);
  const torn = join(options.folder, 'segment-000000000032.jsonl');
  await writeFile(torn, '{"segment":{"first":32');
  recorder = await startRecorder(parts);
  await recorder.close('test');
  const verdict = await verify(options.folder, { segmentLeaves: 8 });
  assert.equal(verdict.kind === 'ok' && verdict.size, 35);
  client.close();
});

test('what is older than the log is kept gives way to its root, recorded before', async () => {
  const { options, client } = await setup();
  const parts = { logger, clock, segmentLeaves: 8 };
  const recorder = await startRecorder({ options, ...parts });
  for (let n = 0; n < 20; n += 1) {
    await client.call('record', { event: accepted(id()), durable: true });
  }
  await recorder.close('test');
  const nextYear = { now: () => new Date(Date.now() + 400 * 86_400_000) };
  const keeping = { ...options, keepForMs: 365 * 86_400_000 };
  const again = await startRecorder({ options: keeping, ...parts, clock: nextYear });
  const first = join(options.folder, 'segment-000000000000.jsonl');
  const second = join(options.folder, 'segment-000000000008.jsonl');
  while (!(await readFile(second, 'utf8')).startsWith('{"subtree"')) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.match(await readFile(first, 'utf8'), /^\{"subtree"/);
  client.close();
  await again.close('test');
  const kinds = (await events(options.folder)).map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === 'log-retained').length, 2);
  const verdict = await verify(options.folder, { segmentLeaves: 8 });
  assert.equal(verdict.kind === 'ok' && verdict.removedLeaves, 16);
});

test('a disk error refuses every waiting caller and all later ones, until writing works again', async () => {
  const { options, client } = await setup();
  let full = false;
  const failing: OpenSegment = async (path) => {
    const file = await openSegmentFile(path);
    return {
      appendAt: async (offset, bytes) => {
        if (!full) return await file.appendAt(offset, bytes);
        await appendFile(path, bytes.subarray(0, 100));
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      },
      close: () => file.close(),
    };
  };
  const recorder = await startRecorder({
    options,
    logger,
    clock,
    openSegment: failing,
    retryMs: 20,
  });
  full = true;
  const tell = () => client.call('record', { event: accepted(id()), durable: true });
  const results = await Promise.allSettled([tell(), tell(), tell()]);
  for (const result of results) {
    assert.ok(result.status === 'rejected' && refused('recorder-unavailable', /./)(result.reason));
  }
  await assert.rejects(tell(), refused('recorder-unavailable', /cannot be written/));
  full = false;
  for (;;) {
    const again = await tell().catch(() => null);
    if (again !== null) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.close();
  await recorder.close('test');
  const kinds = (await events(options.folder)).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['service-started', 'log-recovered', 'accepted', 'service-stopped']);
  assert.equal((await verify(options.folder)).kind, 'ok');
});

test('a log key that others may read, or another key than the log was begun with, is refused', async () => {
  const { options, keyFile } = await setup();
  await (await startRecorder({ options, logger, clock })).close('test');
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await assert.rejects(startRecorder({ options, logger, clock }), /begun with another key/);
  await rm(keyFile);
  await writeFile(keyFile, 'x', { mode: 0o644 });
  await assert.rejects(startRecorder({ options, logger, clock }), /must have mode 0600/);
});

const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
});

async function startProcess(optionsFile: string): Promise<ChildProcess> {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, optionsFile], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  const [message] = (await once(child, 'message')) as [unknown];
  assert.equal(message, 'ready');
  return child;
}

test('kill -9 under load: every answered event is in the log, which verifies after the next start', async () => {
  const { options, client } = await setup();
  const optionsFile = `${options.socket}.json`;
  await writeFile(optionsFile, JSON.stringify(options));
  const child = await startProcess(optionsFile);
  const answered: string[] = [];
  const teller = async () => {
    for (;;) {
      const queueId = id();
      await client.call('record', { event: accepted(queueId), durable: true });
      answered.push(queueId);
      if (answered.length === 400) child.kill('SIGKILL');
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: 20 }, teller));
  for (const end of ends) {
    assert.ok(end.status === 'rejected' && end.reason instanceof IpcUnavailable, String(end));
  }
  const next = await startProcess(optionsFile);
  await client.call('record', { event: accepted(id()), durable: true });
  client.close();
  next.disconnect();
  await once(next, 'exit');
  const logged = new Set((await events(options.folder)).map(({ queueId }) => queueId));
  assert.ok(answered.length >= 400);
  for (const queueId of answered) assert.ok(logged.has(queueId), queueId);
  assert.equal((await verify(options.folder)).kind, 'ok');
});

test('SIGTERM ends the process in order; SIGINT does not end it', async () => {
  const { options, client } = await setup();
  const optionsFile = `${options.socket}.json`;
  await writeFile(optionsFile, JSON.stringify(options));
  const child = await startProcess(optionsFile);
  child.kill('SIGINT');
  const start = performance.now();
  const rounds = 200;
  for (let i = 0; i < rounds; i += 1) {
    await client.call('record', { event: accepted(id()), durable: true });
  }
  const alone = performance.now();
  await Promise.all(
    Array.from({ length: 4_000 }, () =>
      client.call('record', { event: accepted(id()), durable: false }),
    ),
  );
  const many = performance.now();
  const perSecond = (n: number, ms: number) => Math.round((n / ms) * 1_000);
  console.log(
    `durable, one at a time: ${perSecond(rounds, alone - start)}/s; not durable, pipelined: ${perSecond(4_000, many - alone)}/s`,
  );
  client.close();
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0);
  const last = (await events(options.folder)).at(-1);
  assert.equal(last?.kind, 'service-stopped');
  assert.equal((await verify(options.folder)).kind, 'ok');
});
