import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KEY_OPERATIONS, LOG_KEY_FILE, recentEvents, verifyLog } from '@sallyport/audit-log';
import { connectSocket, IpcRefused, recorderProtocol } from '@sallyport/ipc';
import { newQueueId } from '@sallyport/mail';
import { temporaryFolder } from '../harness/folder.ts';
import { run, startProcess } from '../harness/process.ts';

const DISK = '512k';
const BALLAST_BYTES = 128 * 1024;
const MANY = 5_000;

const mayMount = await run('unshare', ['--mount', 'true']).then(
  ({ code }) => code === 0,
  () => false,
);

const accepted = (queueId: string) => ({
  kind: 'accepted',
  queueId,
  origin: 'outward',
  sizeBytes: 1,
  personal: { reversePath: 'alice@acme.example' },
});

test('a disk that is really full: nothing is accepted and no key use begins; with room again it goes on, and all that was answered is in the log', {
  skip: mayMount ? false : 'needs root: util-linux unshare --mount',
  timeout: 60_000,
}, async () => {
  await using folder = await temporaryFolder('audit-full');
  const at = (name: string) => join(folder.path, name);
  await mkdir(at('audit'));
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(at('log-key.pem'), pem, { mode: 0o600 });
  const options = {
    folder: at('audit'),
    privateKeyFile: at('log-key.pem'),
    socket: at('recorder.sock'),
  };
  await writeFile(at('options.json'), JSON.stringify(options));
  const main = fileURLToPath(import.meta.resolve('@sallyport/recorder'));
  // The disk is one of the recorder's own namespace; `ballast` is what gives it room again.
  const script = `mount -t tmpfs -o size=${DISK} none "$1" && head -c ${BALLAST_BYTES} /dev/zero >"$1/ballast" && exec "$2" "$3" "$4"`;
  const args = ['--mount', 'sh', '-c', script, 'sh', at('audit'), process.execPath, main];
  await using recorder = await startProcess('unshare', [...args, at('options.json')]);
  const inside = join('/proc', String(recorder.pid), 'root', at('audit'));
  const client = connectSocket({
    path: options.socket,
    protocol: recorderProtocol,
    deadlineMs: 20_000,
  });
  const tell = (event: { kind: string; [fact: string]: unknown }) =>
    client.call('record', { event, durable: true });
  const isFull = (error: unknown) =>
    error instanceof IpcRefused && error.fault === 'recorder-unavailable';
  while ((await client.call('head', {}).catch(() => null)) === null) {
    assert.equal(recorder.hasEnded(), false, recorder.output());
  }
  const answered: string[] = [];
  let full: unknown = null;
  for (let n = 0; n < MANY && full === null; n += 1) {
    const ids = Array.from({ length: 20 }, () => newQueueId(new Date()));
    const results = await Promise.allSettled(ids.map((id) => tell(accepted(id))));
    for (const [k, result] of results.entries()) {
      if (result.status === 'fulfilled') answered.push(ids[k] ?? '');
      else full = result.reason;
    }
  }
  assert.ok(isFull(full), String(full));
  const [known = ''] = answered;
  for (const operation of KEY_OPERATIONS) {
    const intent = { kind: 'key-intent', queueId: known, keyId: 'k1', operation };
    await assert.rejects(tell(intent), isFull);
  }
  await rm(join(inside, 'ballast'));
  const after = newQueueId(new Date());
  while ((await tell(accepted(after)).catch(() => null)) === null) {
    assert.equal(recorder.hasEnded(), false, recorder.output());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const segments = async () =>
    (await readdir(inside))
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .map((name) => ({ name, bytes: createReadStream(join(inside, name)) }));
  const key = createPublicKey(await readFile(join(inside, LOG_KEY_FILE)));
  assert.equal((await verifyLog(await segments(), key)).kind, 'ok');
  const events = await recentEvents(await segments(), {}, 100_000);
  const logged = new Set(events.map(({ queueId }) => queueId));
  for (const id of [...answered, after]) assert.ok(logged.has(id), id);
  assert.equal(events.filter(({ kind }) => kind === 'key-intent').length, 0);
  assert.ok(events.some(({ kind }) => kind === 'log-recovered'));
  client.close();
});
