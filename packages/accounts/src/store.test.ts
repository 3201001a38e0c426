import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AccountEvent } from './account-event.ts';
import { addAccount, setRoles } from './administer.ts';
import { AccountsUnavailable } from './folder.ts';
import { AccountStore } from './store.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const STORE = new URL('./index.ts', import.meta.url).href;
const unrecorded = async (): Promise<void> => undefined;

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-accounts-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const add = (store: AccountStore, name: string, record = unrecorded) =>
  store.change((all) => addAccount(all, { name, roles: ['auditor'], now: NOW }), record);

test('a broken file lets nobody in, and no change builds on it', async (t) => {
  const folder = await folderFor(t);
  const store = new AccountStore(folder);
  await add(store, 'ann');
  const file = join(folder, 'accounts.json');
  const good = await readFile(file, 'utf8');
  for (const broken of [
    '',
    '{',
    good.slice(0, -20),
    good.replace('"schema": 1', '"schema": 2'),
    good.replace('"auditor"', '"root"'),
    good.replace('"disabled": false', '"disabled": false, "extra": 1'),
  ]) {
    await writeFile(file, broken);
    await assert.rejects(store.read(), AccountsUnavailable);
    await assert.rejects(add(store, 'bob'), AccountsUnavailable);
  }
  await writeFile(file, good);
  assert.equal((await store.read()).accounts.length, 1);
});

test('what cannot be recorded is not done', async (t) => {
  const folder = await folderFor(t);
  const store = new AccountStore(folder);
  await add(store, 'ann');
  const cannot = async (): Promise<void> => {
    throw new Error('the recorder is away');
  };
  await assert.rejects(add(store, 'bob', cannot), /away/);
  assert.deepEqual(
    (await store.read()).accounts.map(({ name }) => name),
    ['ann'],
  );
  assert.equal((await add(store, 'bob')).kind, 'done', 'and nothing stays locked');
});

test('each change is recorded before it is in the file; a refusal is neither', async (t) => {
  const store = new AccountStore(await folderFor(t));
  const seen: string[] = [];
  const record = async (event: AccountEvent): Promise<void> => {
    const { generation } = await store.read();
    seen.push(`${event.kind === 'account-changed' ? event.change : ''} ${generation}`);
  };
  await store.change(
    (all) => addAccount(all, { name: 'ann', roles: ['auditor'], now: NOW }),
    record,
  );
  const refused = await store.change((all) => setRoles(all, { name: 'bob' }, ['auditor']), record);
  assert.equal(refused.kind, 'refused');
  assert.deepEqual(seen, ['created 0', 'link-made 0']);
  assert.equal((await store.read()).generation, 1);
});

test('the file is its owner’s alone, and a crash leaves no half-written one behind', async (t) => {
  const folder = await folderFor(t);
  await add(new AccountStore(folder), 'ann');
  for (const name of ['accounts.json', 'lock']) {
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
  }
  assert.deepEqual((await readdir(folder)).sort(), ['accounts.json', 'lock']);
});

test('a reader sees what another process changed', async (t) => {
  const folder = await folderFor(t);
  const [one, other] = [new AccountStore(folder), new AccountStore(folder)];
  assert.equal((await one.read()).accounts.length, 0);
  await add(other, 'ann');
  assert.equal((await one.read()).accounts.length, 1);
  await add(one, 'bob');
  assert.equal((await other.read()).accounts.length, 2);
});

test('processes that change at once lose nothing of each other', async (t) => {
  const folder = await folderFor(t);
  const code = `
    const { AccountStore, addAccount } = await import(${JSON.stringify(STORE)});
    const store = new AccountStore(process.argv[1]);
    const one = (i) => store.change((all) => addAccount(all,
      { name: process.argv[2] + i, roles: ['auditor'], now: new Date() }), async () => {});
    const all = await Promise.all([0, 1, 2, 3, 4].map(one));
    process.exitCode = all.every(({ kind }) => kind === 'done') ? 0 : 1;`;
  const args = (name: string) => ['--input-type=module', '-e', code, folder, name];
  const children = ['a', 'b', 'c'].map((name) =>
    spawn(process.execPath, args(name), { stdio: ['ignore', 'inherit', 'inherit'] }),
  );
  const codes = await Promise.all(
    children.map(async (child) => {
      const [code] = (await once(child, 'exit')) as [number | null];
      return code;
    }),
  );
  assert.deepEqual(codes, [0, 0, 0]);
  const { accounts, generation } = await new AccountStore(folder).read();
  assert.equal(accounts.length, 15);
  assert.equal(generation, 15);
});

test('a holder that is killed lets go', async (t) => {
  const folder = await folderFor(t);
  const code = `
    const { AccountStore, addAccount } = await import(${JSON.stringify(STORE)});
    await new AccountStore(process.argv[1]).change(
      (all) => addAccount(all, { name: 'ann', roles: ['auditor'], now: new Date() }),
      async () => { process.stdout.write('held'); await new Promise((r) => setTimeout(r, 60_000)); });`;
  const args = ['--input-type=module', '-e', code, folder];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const waiting = add(new AccountStore(folder), 'bob');
  child.kill('SIGKILL');
  assert.equal((await waiting).kind, 'done');
  assert.deepEqual(
    (await new AccountStore(folder).read()).accounts.map(({ name }) => name),
    ['bob'],
  );
});
