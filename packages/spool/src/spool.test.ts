import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createLogger } from '@sallyport/log';
import { newQueueId, type QueueId, readContent } from '@sallyport/mail';
import fc from 'fast-check';
import {
  FolderBlobStore,
  generateReaderKey,
  MAX_HEADER_BYTES,
  type QueueFileHeader,
  SPOOL_FOLDERS,
  Spool,
  type SpoolFolder,
  SpoolKeyError,
} from './index.ts';

const WORKER = generateReaderKey();
const EGRESS = generateReaderKey();
const NOW = new Date('2026-11-21T10:00:00Z');
const CHUNK = 64 * 1024;

interface Fixture extends AsyncDisposable {
  readonly folder: string;
  readonly spool: Spool;
  readonly lines: string[];
}

async function openSpool(options: { key?: 'worker' | 'egress' | 'none' } = {}): Promise<Fixture> {
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
async function reopen(folder: string): Promise<{ spool: Spool } & AsyncDisposable> {
  const logger = createLogger({ service: 'test', now: () => NOW, write: () => undefined });
  const spool = await Spool.open({ folder, readerKeys: {}, logger });
  return { spool, [Symbol.asyncDispose]: () => spool.close() };
}

function headerOf(id: QueueId, change: Partial<QueueFileHeader> = {}): QueueFileHeader {
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

async function put(fixture: Fixture, body: Uint8Array, to: SpoolFolder = 'incoming') {
  const id = newQueueId(NOW);
  const writer = await fixture.spool.create('tmp', headerOf(id), 'worker');
  await writer.write(body);
  await writer.finish();
  if (to !== 'tmp') await fixture.spool.commit(id, 'tmp', to);
  return id;
}

async function readBody(fixture: Fixture, folder: SpoolFolder, id: QueueId): Promise<Buffer> {
  const read = await fixture.spool.read(folder, id);
  assert.equal(read.kind, 'ok');
  if (read.kind !== 'ok') throw new Error('unreachable');
  return readContent(read.content);
}

/** Changes the file's bytes and says what a reader then makes of it. */
async function readChanged(fixture: Fixture, id: QueueId, change: (bytes: Buffer) => Buffer) {
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

async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const bodies = (length: number) => Buffer.alloc(length, 'sallyport ');

test('a file that was never there is gone, not corrupt', async () => {
  await using fixture = await openSpool();
  assert.deepEqual(await fixture.spool.read('incoming', newQueueId(NOW)), { kind: 'gone' });
  assert.deepEqual(await fixture.spool.readHeader('hold', newQueueId(NOW)), { kind: 'gone' });
});

for (const [what, change] of Object.entries<(bytes: Buffer) => Buffer>({
  'cut by one byte': (bytes) => bytes.subarray(0, -1),
  'cut at a chunk border': (bytes) => bytes.subarray(0, bytes.length - (10_000 + 16)),
  'cut inside the header': (bytes) => bytes.subarray(0, 40),
  'cut to nothing': () => Buffer.alloc(0),
  'longer by one byte': (bytes) => Buffer.concat([bytes, Buffer.from([0])]),
  'with its last chunk twice': (bytes) => Buffer.concat([bytes, bytes.subarray(-10_016)]),
  'with two chunks exchanged': (bytes) => {
    const body = bytes.length - (2 * (CHUNK + 16) + 10_016);
    const chunk = (index: number) =>
      bytes.subarray(body + index * (CHUNK + 16), body + (index + 1) * (CHUNK + 16));
    return Buffer.concat([bytes.subarray(0, body), chunk(1), chunk(0), bytes.subarray(-10_016)]);
  },
  'with another reverse-path': (bytes) =>
    Buffer.from(bytes.toString('latin1').replace('alice@', 'mally@'), 'latin1'),
  'with white space added to the header': (bytes) => {
    const text = bytes.toString('latin1').replace('{"version"', ' {"version"');
    const longer = Buffer.from(text, 'latin1');
    longer.writeUInt32BE(longer.readUInt32BE(6) + 1, 6);
    return longer;
  },
  'with an unknown header field': (bytes) =>
    Buffer.from(bytes.toString('latin1').replace('"evidence"', '"evidente"'), 'latin1'),
  'with a header length beyond the bound': (bytes) => {
    bytes.writeUInt32BE(MAX_HEADER_BYTES + 1, 6);
    return bytes;
  },
  'of another version': (bytes) =>
    Buffer.from(bytes.toString('latin1').replace('SLPY1', 'SLPY2'), 'latin1'),
  'with an ephemeral key of zeros': (bytes) => {
    const start = 10 + bytes.readUInt32BE(6);
    return bytes.fill(0, start, start + 32);
  },
})) {
  test(`a queue file ${what} is corrupt`, async () => {
    await using fixture = await openSpool();
    const id = await put(fixture, bodies(2 * CHUNK + 10_000));
    assert.equal((await readBody(fixture, 'incoming', id)).length, 2 * CHUNK + 10_000);
    assert.equal(await readChanged(fixture, id, change), 'corrupt');
  });
}

test('any flipped bit of a queue file is found', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(1_000));
  const path = join(fixture.folder, 'incoming', id);
  const good = await readFile(path);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length * 8 - 1), async (bit) => {
      const kind = await readChanged(fixture, id, () => {
        const bad = Buffer.from(good);
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        return bad;
      });
      assert.notEqual(kind, 'ok');
    }),
    { numRuns: 300 },
  );
  assert.equal(await readChanged(fixture, id, () => good), 'ok');
});

test('a file under the name of another message is corrupt', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10));
  const other = newQueueId(NOW);
  await rename(join(fixture.folder, 'incoming', id), join(fixture.folder, 'incoming', other));
  assert.equal((await fixture.spool.read('incoming', other)).kind, 'corrupt');
});

test('content that is damaged after it was read throws before the damaged chunk is given out', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(3 * CHUNK));
  const read = await fixture.spool.read('incoming', id);
  assert.equal(read.kind, 'ok');
  if (read.kind !== 'ok') return;
  const path = join(fixture.folder, 'incoming', id);
  const bytes = await readFile(path);
  bytes[bytes.length - CHUNK - 100] = (bytes[bytes.length - CHUNK - 100] ?? 0) ^ 1;
  await writeFile(path, bytes);
  let released = 0;
  await assert.rejects(async () => {
    for await (const chunk of read.content.open()) released += chunk.length;
  }, /chunk 1 of 3 is not authentic/);
  assert.equal(released, CHUNK);
});

test('every length reads back byte for byte, however it was cut when written', async () => {
  await using fixture = await openSpool();
  const lengths = fc.oneof(
    fc.nat(300),
    fc.integer({ min: CHUNK - 2, max: CHUNK + 2 }),
    fc.integer({ min: 2 * CHUNK - 1, max: 2 * CHUNK + 1 }),
  );
  await fc.assert(
    fc.asyncProperty(lengths, fc.integer({ min: 1, max: 200_000 }), async (length, step) => {
      const body = Buffer.from(Array.from({ length }, (_, i) => i % 251));
      const id = newQueueId(NOW);
      const writer = await fixture.spool.create('tmp', headerOf(id), 'worker');
      const reused = Buffer.alloc(step);
      for (let at = 0; at < length; at += step) {
        const count = body.copy(reused, 0, at, at + step);
        await writer.write(reused.subarray(0, count));
        reused.fill(0);
      }
      assert.equal(writer.sizeBytes, length);
      await writer.finish({ syncNow: false });
      const read = await fixture.spool.read('tmp', id);
      assert.equal(read.kind, 'ok');
      if (read.kind !== 'ok') return;
      assert.equal(read.content.sizeBytes, length);
      assert.ok((await readContent(read.content)).equals(body));
      assert.ok((await readContent(read.content)).equals(body));
      await fixture.spool.remove('tmp', id);
    }),
    { numRuns: 60 },
  );
});

test('the header reads back as it was given, with the plaintext length', async () => {
  await using fixture = await openSpool({ key: 'none' });
  const id = await put(fixture, bodies(CHUNK + 5));
  const read = await fixture.spool.readHeader('incoming', id);
  assert.deepEqual(read, { kind: 'ok', header: headerOf(id), sizeBytes: CHUNK + 5 });
});

test('a process without the reader key cannot open what it wrote', async () => {
  for (const key of ['none', 'egress'] as const) {
    await using fixture = await openSpool({ key });
    const id = await put(fixture, bodies(10));
    await assert.rejects(fixture.spool.read('incoming', id), SpoolKeyError);
    const raw = await readFile(join(fixture.folder, 'incoming', id));
    assert.equal(raw.includes('sallyport '), false);
  }
});

test('a retired reader key still opens what was sealed to it', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10));
  const next = generateReaderKey();
  const own = { name: 'worker', pem: next.privateKeyPem } as const;
  const options = {
    folder: fixture.folder,
    readerKeys: {},
    logger: createLogger({ service: 'test', now: () => NOW, write: () => undefined }),
  };
  const without = await Spool.open({ ...options, privateKey: own });
  await assert.rejects(without.read('incoming', id), SpoolKeyError);
  const retired = { ...own, retired: [WORKER.privateKeyPem] };
  const spool = await Spool.open({ ...options, privateKey: retired });
  assert.equal((await spool.read('incoming', id)).kind, 'ok');
  await Promise.all([without.close(), spool.close()]);
});

test('a header that a reader would refuse is refused when written', async () => {
  await using fixture = await openSpool();
  const id = newQueueId(NOW);
  const long = headerOf(id, { extra: { text: 'x'.repeat(MAX_HEADER_BYTES) } });
  await assert.rejects(fixture.spool.create('tmp', long, 'worker'), RangeError);
  const wrong = headerOf(id, { createdAt: 'yesterday' });
  await assert.rejects(fixture.spool.create('tmp', wrong, 'worker'), /createdAt/);
  assert.deepEqual(await readdir(join(fixture.folder, 'tmp')), []);
});

test('two files with the same header and body share no ciphertext', async () => {
  await using fixture = await openSpool();
  const id = newQueueId(NOW);
  const raw: Buffer[] = [];
  for (let i = 0; i < 2; i += 1) {
    const writer = await fixture.spool.create('tmp', headerOf(id), 'worker');
    await writer.write(bodies(100));
    await writer.finish();
    raw.push(await readFile(join(fixture.folder, 'tmp', id)));
    await fixture.spool.remove('tmp', id);
  }
  assert.equal(raw[0]?.subarray(-116).equals(raw[1]?.subarray(-116) ?? Buffer.alloc(0)), false);
});

test('an aborted file leaves nothing, also after it was finished', async () => {
  await using fixture = await openSpool();
  for (const length of [10, 3 * CHUNK]) {
    for (const isFinished of [false, true]) {
      const writer = await fixture.spool.create('tmp', headerOf(newQueueId(NOW)), 'worker');
      await writer.write(bodies(length));
      if (isFinished) await writer.finish();
      await writer.abort();
      await assert.rejects(writer.write(bodies(1)), /already aborted/);
      assert.deepEqual(await readdir(join(fixture.folder, 'tmp')), []);
    }
  }
});

test('a second file of the same id never touches the first', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10), 'tmp');
  const writer = await fixture.spool.create('tmp', headerOf(id), 'worker');
  await assert.rejects(writer.finish(), /EEXIST/);
  await writer.abort();
  assert.equal((await readBody(fixture, 'tmp', id)).length, 10);
});

test('work done again after a kill finds its name in tmp free; what is being written stays', async () => {
  await using fixture = await openSpool();
  const { folder, spool } = fixture;
  const id = newQueueId(NOW);
  const path = join(folder, 'tmp', id);
  await writeFile(path, 'half of a file');
  await spool.discardLeftOver(id);
  assert.deepEqual(await readdir(join(folder, 'tmp')), [id], 'younger than this process');
  await setTimeout(50);
  await using later = await reopen(folder);
  await later.spool.discardLeftOver(id);
  assert.deepEqual(await readdir(join(folder, 'tmp')), []);
  await later.spool.discardLeftOver(id);
});

test('files are 0600 and folders 0700', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10));
  await fixture.spool.writeState('incoming', id, {});
  for (const folder of SPOOL_FOLDERS) {
    assert.equal((await stat(join(fixture.folder, folder))).mode & 0o777, 0o700);
  }
  for (const name of [id, `${id}.state`]) {
    assert.equal((await stat(join(fixture.folder, 'incoming', name))).mode & 0o777, 0o600);
  }
});

test('a commit of a file that is nowhere fails, doing one again does not', async () => {
  await using fixture = await openSpool();
  await assert.rejects(fixture.spool.commit(newQueueId(NOW), 'tmp', 'incoming'), /neither/);
  const id = await put(fixture, bodies(10));
  await fixture.spool.commit(id, 'tmp', 'incoming');
  assert.equal((await readBody(fixture, 'incoming', id)).length, 10);
});

test('a commit takes the state along', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10), 'hold');
  await fixture.spool.writeState('hold', id, { reason: 'held-by-policy' });
  await fixture.spool.commit(id, 'hold', 'outgoing');
  assert.equal(await fixture.spool.readState('hold', id), null);
  assert.deepEqual(await fixture.spool.readState('outgoing', id), { reason: 'held-by-policy' });
});

test('RFC 5321 6.1: commits at the same time share the sync of the folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spool-'));
  const store = new FolderBlobStore({ root: folder, folders: SPOOL_FOLDERS, disposable: ['tmp'] });
  const spool = await Spool.open({
    folder,
    store,
    readerKeys: { worker: WORKER.publicKeyPem },
    logger: createLogger({ service: 'test', now: () => NOW, write: () => undefined }),
  });
  const ids = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const id = newQueueId(NOW);
      const writer = await spool.create('tmp', headerOf(id), 'worker');
      await writer.finish({ syncNow: false });
      return id;
    }),
  );
  await Promise.all(ids.map((id) => spool.commit(id, 'tmp', 'incoming')));
  assert.ok(store.syncRounds('incoming') >= 1);
  assert.ok(store.syncRounds('incoming') < 50, `${store.syncRounds('incoming')} syncs`);
  assert.equal(store.syncRounds('tmp'), 0);
  await spool.close();
  await rm(folder, { recursive: true });
});

test('a failed sync of the folder fails the commit and not the next one', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10), 'tmp');
  const incoming = join(fixture.folder, 'incoming');
  await rm(incoming, { recursive: true });
  await assert.rejects(fixture.spool.commit(id, 'tmp', 'incoming'));
  await assert.rejects(fixture.spool.writeState('incoming', id, {}));
  const again = await Spool.open({
    folder: fixture.folder,
    readerKeys: {},
    logger: createLogger({ service: 'test', now: () => NOW, write: () => undefined }),
  });
  await again.close();
  await fixture.spool.commit(id, 'tmp', 'incoming');
  assert.equal((await readBody(fixture, 'incoming', id)).length, 10);
});

test('state is replaced whole, is null before, and list does not show it', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10));
  assert.equal(await fixture.spool.readState('incoming', id), null);
  await Promise.all([1, 2, 3].map((n) => fixture.spool.writeState('incoming', id, { n })));
  await fixture.spool.writeState('incoming', id, { n: 4 });
  assert.deepEqual(await fixture.spool.readState('incoming', id), { n: 4 });
  assert.deepEqual((await readdir(join(fixture.folder, 'incoming'))).sort(), [id, `${id}.state`]);
  assert.deepEqual(await gather(fixture.spool.list('incoming')), [id]);
  await writeFile(join(fixture.folder, 'incoming', `${id}.state`), '{');
  await assert.rejects(fixture.spool.readState('incoming', id), /cannot be read/);
});

test('remove takes file and state, and says whether there was one', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10));
  await fixture.spool.writeState('incoming', id, {});
  assert.equal(await fixture.spool.remove('incoming', id), true);
  assert.equal(await fixture.spool.remove('incoming', id), false);
  assert.deepEqual(await readdir(join(fixture.folder, 'incoming')), []);
});

test('collect removes only what is old and belongs to no file', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10));
  await fixture.spool.writeState('incoming', id, {});
  await fixture.spool.writeState('incoming', newQueueId(NOW), {});
  await writeFile(join(fixture.folder, 'incoming', `${id}.state.1-1.tmp`), '{');
  await writeFile(join(fixture.folder, 'incoming', 'note of the operator'), '');
  assert.equal(await fixture.spool.collect('incoming', new Date(0)), 0);
  assert.equal(await fixture.spool.collect('incoming', new Date('2100-01-01')), 2);
  const left = await readdir(join(fixture.folder, 'incoming'));
  assert.deepEqual(left.sort(), [id, `${id}.state`, 'note of the operator'].sort());
});

test('list is complete over more files than one batch', async () => {
  await using fixture = await openSpool();
  const ids = Array.from({ length: 1_500 }, () => newQueueId(NOW));
  for (const id of ids) await writeFile(join(fixture.folder, 'hold', id), '');
  const seen = await gather(fixture.spool.list('hold'));
  assert.deepEqual(seen.sort(), ids.sort());
});

test('emptyTmp removes all that was never committed', async () => {
  await using fixture = await openSpool();
  await put(fixture, bodies(10), 'tmp');
  const kept = await put(fixture, bodies(10), 'hold');
  const writer = await fixture.spool.create('tmp', headerOf(newQueueId(NOW)), 'worker');
  await writer.write(bodies(4 * CHUNK));
  assert.equal(await fixture.spool.emptyTmp(), 2);
  assert.deepEqual(await gather(fixture.spool.list('hold')), [kept]);
  await writer.abort();
});

test('quarantine keeps every byte, says why, and never replaces an earlier one', async () => {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10));
  await fixture.spool.writeState('incoming', id, { n: 1 });
  const raw = await readFile(join(fixture.folder, 'incoming', id));
  assert.equal(await fixture.spool.quarantine('incoming', id, 'header is not JSON'), id);
  assert.equal(await fixture.spool.quarantine('incoming', id, 'again'), null);
  await writeFile(join(fixture.folder, 'incoming', id), 'another');
  assert.equal(await fixture.spool.quarantine('incoming', id, 'too short'), `${id}.2`);
  const corrupt = join(fixture.folder, 'corrupt');
  assert.ok((await readFile(join(corrupt, id))).equals(raw));
  assert.deepEqual(JSON.parse(await readFile(join(corrupt, `${id}.reason`), 'utf8')), {
    id,
    folder: 'incoming',
    reason: 'header is not JSON',
  });
  assert.deepEqual(await fixture.spool.readState('corrupt', id), { n: 1 });
  assert.equal(await readFile(join(corrupt, `${id}.2`), 'utf8'), 'another');
  assert.deepEqual(await readdir(join(fixture.folder, 'incoming')), []);
  assert.equal(fixture.lines.length, 2);
  assert.match(fixture.lines[0] ?? '', /queue-file\.quarantined/);
});

test('the reserve is never promised', async () => {
  await using fixture = await openSpool();
  assert.equal(await fixture.spool.hasRoomFor(10_000), true);
  assert.equal(await fixture.spool.hasRoomFor(Number.MAX_SAFE_INTEGER), false);
});

test('a folder that is not there is an error, not an empty queue', async () => {
  await using fixture = await openSpool();
  await rm(join(fixture.folder, 'hold'), { recursive: true });
  await assert.rejects(gather(fixture.spool.list('hold')), /ENOENT/);
});
