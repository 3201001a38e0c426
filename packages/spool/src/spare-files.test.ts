import assert from 'node:assert/strict';
import { link, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FolderBlobStore } from './folder-store.ts';
import { SpareFiles } from './spare-files.ts';

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-spare-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a spare becomes the next file, once, and only under a free name', () =>
  withFolder(async (folder) => {
    const one = new SpareFiles(folder);
    const other = new SpareFiles(folder);
    await writeFile(join(folder, 'done'), 'old');
    assert.equal(await one.keep(join(folder, 'done')), true);
    assert.equal(await one.keep(join(folder, 'done')), false, 'it is gone');
    await writeFile(join(folder, 'taken'), 'mine');
    assert.equal(await other.take(join(folder, 'taken')), false, 'a name in use stays');
    assert.equal(await readFile(join(folder, 'taken'), 'utf8'), 'mine');
    const third = new SpareFiles(folder);
    const fourth = new SpareFiles(folder);
    const won = await Promise.all([third.take(join(folder, 'a')), fourth.take(join(folder, 'b'))]);
    assert.equal(won.filter((took) => took).length, 1);
    await one.removeAll();
  }));

test('a file written over a longer spare holds its own bytes only', () =>
  withFolder(async (root) => {
    const store = new FolderBlobStore({ root, folders: ['tmp', 'incoming'], disposable: ['tmp'] });
    const write = async (name: string, bytes: Buffer) => {
      const writer = store.create('tmp', name);
      await writer.append([bytes]);
      await writer.finish({ syncNow: true });
      await store.move({ name, from: 'tmp', to: 'incoming', replace: true });
    };
    let reused = 0;
    for (let n = 0; n < 200; n += 1) {
      const long = `long-${n}`;
      await write(long, Buffer.alloc(20_000, 0x61));
      assert.equal(await store.delete('incoming', long), true);
      const spares = (await readdir(join(root, 'tmp'))).length;
      await write(`short-${n}`, Buffer.from(`own bytes of ${n}`));
      if ((await readdir(join(root, 'tmp'))).length < spares) reused += 1;
      const found = await readFile(join(root, 'incoming', `short-${n}`), 'utf8');
      assert.equal(found, `own bytes of ${n}`);
    }
    assert.ok(reused > 0, 'some file was made of a spare');
    await store.close();
    assert.deepEqual(await readdir(join(root, 'tmp')), [], 'nothing stays behind');
  }));

test('what is long, and what is in a disposable folder, is removed at once', () =>
  withFolder(async (root) => {
    const store = new FolderBlobStore({ root, folders: ['tmp', 'incoming'], disposable: ['tmp'] });
    await writeFile(join(root, 'incoming', 'long'), Buffer.alloc(300 * 1024));
    await writeFile(join(root, 'tmp', 'left'), 'x');
    assert.equal(await store.delete('incoming', 'long'), true);
    assert.equal(await store.delete('tmp', 'left'), true);
    assert.deepEqual(await readdir(join(root, 'tmp')), []);
    await store.close();
  }));

test('a file that has another name still is no spare: its bytes stay under that name', () =>
  withFolder(async (root) => {
    const store = new FolderBlobStore({ root, folders: ['tmp', 'incoming'], disposable: ['tmp'] });
    await writeFile(join(root, 'incoming', 'id'), 'kept');
    await link(join(root, 'incoming', 'id'), join(root, 'incoming', 'other'));
    assert.equal(await store.delete('incoming', 'id'), true);
    const writer = store.create('tmp', 'next');
    await writer.append([Buffer.from('new')]);
    await writer.finish({ syncNow: true });
    assert.equal(await readFile(join(root, 'incoming', 'other'), 'utf8'), 'kept');
    await store.close();
  }));

test('spares that nobody takes are removed after a rest', { timeout: 20_000 }, () =>
  withFolder(async (folder) => {
    const spares = new SpareFiles(folder);
    await writeFile(join(folder, 'done'), 'old');
    await spares.keep(join(folder, 'done'));
    while ((await readdir(folder)).length > 0) await new Promise((done) => setTimeout(done, 100));
  }),
);
