import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ifGone, isSystemError, replaceFile, syncFolder, writeSynced } from './index.ts';

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-disk-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('a file that is not there is what stands for it; every other error is thrown on', async (t) => {
  const folder = await folderFor(t);
  assert.equal(await readFile(join(folder, 'none'), 'utf8').catch(ifGone(null)), null);
  await assert.rejects(readFile(folder, 'utf8').catch(ifGone(null)), { code: 'EISDIR' });
  await assert.rejects(Promise.reject(new Error('ENOENT')).catch(ifGone(null)), /ENOENT/);
});

test('a system error is told by its code, and only if it is an error', () => {
  assert.ok(isSystemError(Object.assign(new Error('x'), { code: 'EEXIST' }), 'EEXIST'));
  assert.ok(!isSystemError(Object.assign(new Error('x'), { code: 'EEXIST' }), 'ENOENT'));
  assert.ok(!isSystemError({ code: 'ENOENT' }, 'ENOENT'));
});

test('a file is written over, but not where a new one is asked for', async (t) => {
  const path = join(await folderFor(t), 'one');
  await writeSynced(path, 'longer', { mode: 0o600 });
  await assert.rejects(writeSynced(path, 'x', { mode: 0o600, flags: 'wx' }), { code: 'EEXIST' });
  await writeSynced(path, Buffer.from('new'), { mode: 0o600 });
  assert.equal(await readFile(path, 'utf8'), 'new');
});

test('a replaced file has the new text and mode, and nothing stays beside it', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'one');
  await writeFile(path, 'old', { mode: 0o644 });
  await writeFile(`${path}.new`, 'what a crash left, and longer than the new one', { mode: 0o600 });
  await replaceFile(path, 'new', 0o600);
  assert.equal(await readFile(path, 'utf8'), 'new');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ['one']);
});

test('a reader sees the old file until the new one is whole', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'one');
  await replaceFile(path, 'old', 0o600);
  const { ino } = await stat(path);
  await replaceFile(path, 'new', 0o600);
  assert.notEqual((await stat(path)).ino, ino, 'written into the file that readers have open');
});

test('a folder that is not there cannot be synced', async (t) => {
  const folder = await folderFor(t);
  await syncFolder(folder);
  await assert.rejects(syncFolder(join(folder, 'none')), { code: 'ENOENT' });
});
