import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDirectory, startDirectoryProcess } from '../harness/directory.ts';
import { importBundle, indexBytesEach, lookUp, writeBundle } from './directory-run.ts';

const USERS = 1_200;

test("E-003-45: users' certificates taken in are found by LDAP and HTTP behind the permission wall", async () => {
  await using run = await makeDirectory();
  const bundle = join(run.gateway.folder, 'users.pem');
  await writeBundle(bundle, USERS, 30);
  await using _directory = await startDirectoryProcess(run);
  // While it runs: the directory takes in what is appended.
  const imported = await importBundle(run, bundle);
  assert.equal(imported.code, 0);
  assert.deepEqual((await readdir(run.gateway.layout.publishedUsers)).sort(), ['certificates']);
  const isThere = async (): Promise<boolean> =>
    await lookUp(run, { over: 'ldap', users: USERS, each: 4 }).then(
      () => true,
      () => false,
    );
  while (!(await isThere())) await new Promise((resolve) => setTimeout(resolve, 100));
  for (const over of ['ldap', 'http'] as const) {
    const looked = await lookUp(run, { over, users: USERS, each: 100 });
    assert.deepEqual([looked.found, looked.missed], [360, 40], over);
  }
  const each = await indexBytesEach(run);
  assert.ok(each < 100, `${each} bytes of index a certificate`);
});
