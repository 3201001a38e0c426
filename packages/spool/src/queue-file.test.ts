import assert from 'node:assert/strict';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '@sallyport/log';
import { newQueueId, readContent } from '@sallyport/mail';
import fc from 'fast-check';
import { generateReaderKey, MAX_HEADER_BYTES, Spool, SpoolKeyError } from './index.ts';
import {
  bodies,
  CHUNK,
  headerOf,
  NOW,
  openSpool,
  put,
  readBody,
  readChanged,
  WORKER,
} from './testing.ts';

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
