import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createLogger } from '@sallyport/log';
import { newQueueId } from '@sallyport/mail';
import { FolderBlobStore, SPOOL_FOLDERS, Spool } from './index.ts';
import {
  bodies,
  CHUNK,
  gather,
  headerOf,
  NOW,
  openSpool,
  put,
  readBody,
  reopen,
  WORKER,
} from './testing.ts';

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

test('files are 0600 and folders 0700 under the umask of serve, 0660 where that lets the group in', async () => {
  const before = process.umask(0o077);
  try {
    await checkModes(0o600);
    process.umask(0o007);
    await checkModes(0o660);
  } finally {
    process.umask(before);
  }
});

async function checkModes(mode: number): Promise<void> {
  await using fixture = await openSpool();
  const id = await put(fixture, bodies(10));
  await fixture.spool.writeState('incoming', id, {});
  for (const folder of SPOOL_FOLDERS) {
    assert.equal((await stat(join(fixture.folder, folder))).mode & 0o777, 0o700);
  }
  for (const name of [id, `${id}.state`]) {
    assert.equal((await stat(join(fixture.folder, 'incoming', name))).mode & 0o777, mode);
  }
}

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
