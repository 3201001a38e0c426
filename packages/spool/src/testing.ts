/** What the tests of the spool share: spools in folders of their own, and files in them. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@sallyport/log';
import { newQueueId, type QueueId, readContent } from '@sallyport/mail';
import {
  generateReaderKey,
  type QueueFileHeader,
  Spool,
  type SpoolFolder,
  SpoolKeyError,
} from './index.ts';

export const WORKER = generateReaderKey();
const EGRESS = generateReaderKey();
export const NOW = new Date('2026-11-21T10:00:00Z');
export const CHUNK = 64 * 1024;

export interface Fixture extends AsyncDisposable {
  readonly folder: string;
  readonly spool: Spool;
  readonly lines: string[];
}

export async function openSpool(
  options: { key?: 'worker' | 'egress' | 'none' } = {},
): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'spool-'));
  const lines: string[] = [];
  const name = options.key ?? 'worker';
  const spool = await Spool.open({
    folder,
    readerKeys: { worker: WORKER.publicKeyPem, egress: EGRESS.publicKeyPem },
    ...(name === 'none'
      ? {}
      : { privateKey: { name, pem: (name === 'worker' ? WORKER : EGRESS).privateKeyPem } }),
    logger: createLogger({ service: 'test', now: () => NOW, write: (line) => lines.push(line) }),
  });
  return {
    folder,
    spool,
    lines,
    [Symbol.asyncDispose]: async () => {
      await spool.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** The same spool, as the next process sees it. */
export async function reopen(folder: string): Promise<{ spool: Spool } & AsyncDisposable> {
  const logger = createLogger({ service: 'test', now: () => NOW, write: () => undefined });
  const spool = await Spool.open({ folder, readerKeys: {}, logger });
  return { spool, [Symbol.asyncDispose]: () => spool.close() };
}

export function headerOf(id: QueueId, change: Partial<QueueFileHeader> = {}): QueueFileHeader {
  return {
    version: 1,
    id,
    createdAt: NOW.toISOString(),
    origin: 'outward',
    reversePath: 'alice@alfa.example',
    forwardPaths: [{ path: 'bob@bravo.example', notify: ['FAILURE'], orcpt: 'rfc822;bob' }],
    client: {
      address: '192.0.2.1',
      port: 4711,
      helo: 'inner.alfa.example',
      tls: null,
      login: null,
      listener: 'relay',
    },
    evidence: 'inner relay',
    dsn: { ret: 'HDRS', envid: 'x' },
    smtpUtf8: false,
    eightBit: true,
    requireTls: false,
    extra: { decision: 'd1' },
    ...change,
  };
}

export async function put(fixture: Fixture, body: Uint8Array, to: SpoolFolder = 'incoming') {
  const id = newQueueId(NOW);
  const writer = await fixture.spool.create('tmp', headerOf(id), 'worker');
  await writer.write(body);
  await writer.finish();
  if (to !== 'tmp') await fixture.spool.commit(id, 'tmp', to);
  return id;
}

export async function readBody(
  fixture: Fixture,
  folder: SpoolFolder,
  id: QueueId,
): Promise<Buffer> {
  const read = await fixture.spool.read(folder, id);
  assert.equal(read.kind, 'ok');
  if (read.kind !== 'ok') throw new Error('unreachable');
  return readContent(read.content);
}

/** Changes the file's bytes and says what a reader then makes of it. */
export async function readChanged(
  fixture: Fixture,
  id: QueueId,
  change: (bytes: Buffer) => Buffer,
) {
  const path = join(fixture.folder, 'incoming', id);
  await writeFile(path, change(await readFile(path)));
  try {
    return (await fixture.spool.read('incoming', id)).kind;
  } catch (error) {
    // A change of the reader or key name in the header is a file for somebody else.
    assert.ok(error instanceof SpoolKeyError);
    return 'not-ours';
  }
}

export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export const bodies = (length: number) => Buffer.alloc(length, 'sallyport ');
