import assert from 'node:assert/strict';
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HashIndex } from './hash-index.ts';

const DAY_MS = 86_400_000;
const bytes = (text: string): Buffer => Buffer.from(text);

async function setUp(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-index-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  let now = Date.parse('2026-01-10T12:00:00Z');
  const clock = { now: () => new Date(now) };
  const open = async (name = 'seen', days = 3) => {
    const index = new HashIndex({ folder, name, days, clock });
    await index.open();
    return index;
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  return { folder, open, pass };
}

test('a key is new once; with its own value it is the same, with another it is told apart', async (t) => {
  const { open } = await setUp(t);
  const index = await open();
  assert.equal(await index.has(bytes('k')), false);
  assert.equal(await index.add(bytes('k'), bytes('v')), 'new');
  assert.equal(await index.add(bytes('k'), bytes('v')), 'same');
  assert.equal(await index.add(bytes('k'), bytes('w')), 'other');
  assert.equal(await index.add(bytes('k'), bytes('v')), 'same', 'the first value stays');
  assert.equal(await index.has(bytes('k')), true);
});

test('after a restart everything is known again', async (t) => {
  const { open } = await setUp(t);
  await (await open()).add(bytes('k'), bytes('v'));
  const again = await open();
  assert.equal(await again.add(bytes('k'), bytes('w')), 'other');
  assert.equal(await again.add(bytes('k'), bytes('v')), 'same');
});

test('what another process adds is found', async (t) => {
  const { open } = await setUp(t);
  const [writer, reader] = [await open(), await open()];
  await writer.add(bytes('k'), bytes('v'));
  assert.equal(await reader.has(bytes('k')), true);
});

test('days that are over are removed from disk, others stay', async (t) => {
  const { open, pass, folder } = await setUp(t);
  const first = await open();
  await first.add(bytes('old'), bytes('v'));
  pass(3 * DAY_MS);
  await first.add(bytes('young'), bytes('v'));
  assert.equal((await readdir(folder)).length, 2);
  assert.equal(await (await open()).has(bytes('old')), true, 'the third day still counts');
  pass(DAY_MS);
  const later = await open();
  assert.deepEqual(await readdir(folder), ['seen-2026-01-13']);
  assert.equal(await later.has(bytes('old')), false);
  assert.equal(await later.has(bytes('young')), true);
});

test('one index does not read or remove the files of another', async (t) => {
  const { open, pass } = await setUp(t);
  await (await open('sent', 30)).add(bytes('k'), bytes('v'));
  const other = await open('seen');
  assert.equal(await other.has(bytes('k')), false);
  pass(10 * DAY_MS);
  await open('seen');
  assert.equal(await (await open('sent', 30)).has(bytes('k')), true);
});

test('it holds nothing that could be read back, and others cannot read it', async (t) => {
  const { open, folder } = await setUp(t);
  await (await open()).add(bytes('message-id@acme.example'), bytes('value'));
  const [name = ''] = await readdir(folder);
  const stored = await readFile(join(folder, name));
  assert.equal(stored.length, 32);
  assert.equal(stored.includes('acme'), false);
  assert.equal((await stat(join(folder, name))).mode & 0o077, 0);
});

test('half an entry, left by a crash, does not spoil those after it', async (t) => {
  const { open, folder } = await setUp(t);
  await (await open()).add(bytes('a'), bytes('v'));
  const [name = ''] = await readdir(folder);
  await appendFile(join(folder, name), Buffer.alloc(13, 1));
  const index = await open();
  assert.equal(await index.has(bytes('a')), true);
  await index.add(bytes('b'), bytes('v'));
  const again = await open();
  assert.deepEqual([await again.has(bytes('a')), await again.has(bytes('b'))], [true, true]);
  assert.equal((await stat(join(folder, name))).size, 64);
});

test('what could not be written is not known', { skip: process.getuid?.() === 0 }, async (t) => {
  const { open, folder } = await setUp(t);
  const index = await open();
  await chmod(folder, 0o500);
  await assert.rejects(index.add(bytes('k'), bytes('v')));
  await chmod(folder, 0o700);
  assert.equal(await index.add(bytes('k'), bytes('v')), 'new');
});
