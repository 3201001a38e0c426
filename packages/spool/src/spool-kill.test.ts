import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { createLogger } from '@sallyport/log';
import { newQueueId, type QueueId, readContent } from '@sallyport/mail';
import { generateReaderKey, type QueueFileHeader, Spool } from './index.ts';

const SEED = 20_261_121;
const KILLS = 8;
const NOW = new Date('2026-11-21T10:00:00Z');
const logger = createLogger({ service: 'test', now: () => NOW, write: () => undefined });

if (process.argv[2] === 'writer') await writeForEver();
else test('RFC 5321 6.1: kill -9 at any moment leaves every committed file whole', killAndRead);

/** The child: writes and commits until it is killed, and says each id once its commit resolved. */
async function writeForEver(): Promise<void> {
  const [folder = '', keyFile = ''] = process.argv.slice(3);
  const readerKeys = { worker: await readFile(keyFile, 'utf8') };
  const spool = await Spool.open({ folder, readerKeys, logger });
  const lane = async (): Promise<void> => {
    for (let n = 0; ; n += 1) {
      const id = newQueueId(NOW);
      const body = bodyOf(id, (n * 7_919) % 200_000);
      const writer = await spool.create('tmp', headerOf(id, body.length), 'worker');
      await writer.write(body);
      await writer.finish({ syncNow: n % 2 === 0 });
      await spool.commit(id, 'tmp', 'incoming');
      process.stdout.write(`${id}\n`);
      await spool.writeState('incoming', id, { n });
    }
  };
  await Promise.all([lane(), lane(), lane()]);
}

async function killAndRead(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spool-kill-'));
  const pair = generateReaderKey();
  const keyFile = join(folder, 'worker.pub.pem');
  await writeFile(keyFile, pair.publicKeyPem);
  const told = new Set<string>();
  let random = SEED;
  for (let round = 0; round < KILLS; round += 1) {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
    await runAndKill([join(folder, 'spool'), keyFile], { told, afterLines: random % 40 });
  }
  const spool = await Spool.open({
    folder: join(folder, 'spool'),
    readerKeys: {},
    privateKey: { name: 'worker', pem: pair.privateKeyPem },
    logger,
  });
  for await (const id of spool.list('incoming')) {
    const read = await spool.read('incoming', id);
    assert.equal(read.kind, 'ok', `seed ${SEED}: ${JSON.stringify(read)}`);
    if (read.kind !== 'ok') continue;
    const body = await readContent(read.content);
    assert.ok(body.equals(bodyOf(id, Number(read.header.extra['length']))));
    await spool.readState('incoming', id);
    told.delete(id);
  }
  assert.deepEqual([...told], [], `seed ${SEED}: committed, yet not there`);
  await spool.emptyTmp();
  for await (const id of spool.list('tmp')) assert.fail(`${id} is still in tmp`);
  await spool.close();
  await rm(folder, { recursive: true });
}

async function runAndKill(
  args: readonly string[],
  plan: { told: Set<string>; afterLines: number },
): Promise<void> {
  const child = spawn(process.execPath, [import.meta.filename, 'writer', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let lines = 0;
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    plan.told.add(line);
    lines += 1;
    // A few microseconds apart from the line, so that the kill falls inside different calls.
    if (lines === plan.afterLines + 1) setTimeout(() => child.kill('SIGKILL'), plan.afterLines % 5);
  }
  await exited;
}

function bodyOf(id: string, length: number): Buffer {
  return Buffer.alloc(length, id);
}

function headerOf(id: QueueId, length: number): QueueFileHeader {
  return {
    version: 1,
    id,
    createdAt: NOW.toISOString(),
    origin: 'outward',
    reversePath: '',
    forwardPaths: [],
    client: null,
    evidence: null,
    dsn: {},
    smtpUtf8: false,
    eightBit: false,
    requireTls: false,
    extra: { length },
  };
}
