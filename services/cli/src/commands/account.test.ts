import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { AccountStore } from '@sallyport/accounts';
import { initialised, sallyport } from '../testing.ts';

const LINK = /^https:\/\/gw\.acme\.example:8443\/welcome\/[A-Za-z0-9_-]{43}$/;

describe('the accounts of a gateway that does not run', () => {
  let config = '';
  let folder = '';
  let remove = async (): Promise<void> => {};
  const account = (...args: string[]) => sallyport(['account', ...args, '--config', config]);
  const store = () => new AccountStore(`${folder}/g/data/accounts`);

  before(async () => {
    ({ folder, config, remove } = await initialised());
  });
  after(async () => await remove());

  test('init made the first admin, whom nobody can be without the link', async () => {
    const [admin, ...others] = (await store().read()).accounts;
    assert.equal(others.length, 0);
    assert.deepEqual(admin?.roles, ['mail-admin', 'security-admin']);
    assert.equal(admin?.passwordHash, null);
    assert.ok(admin?.link !== null);
  });

  test('what cannot be is refused in one sentence, and changes nothing', async () => {
    const before = await store().read();
    for (const wrong of [
      ['add', 'Ann', '--role', 'auditor'],
      ['disable', 'admin'],
      ['token', 'create', 'admin', '--name', 'x', '--scope', 'audit.export'],
      ['token', 'revoke', 'f'.repeat(20)],
    ]) {
      const ran = await account(...wrong, '--offline');
      assert.equal(ran.code, 1, wrong.join(' '));
      assert.equal(ran.text, '');
      assert.match(ran.stderr, /^[^\n]+\.\n$/, wrong.join(' '));
    }
    assert.deepEqual(await store().read(), before);
  });

  test('a config without a console has no accounts', async () => {
    const text = await readFile(config, 'utf8');
    const bare = `${folder}/g/bare.yaml`;
    await writeFile(bare, text.replace(/^console:\n(?: {2}.*\n)+/m, ''));
    const ran = await sallyport(['account', 'list', '--config', bare]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /has no console/);
  });

  test('an account is invited, changed and disabled; each step is in the audit log', async () => {
    const added = await account('add', 'ann', '--role', 'auditor', '--by', 'root');
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.text.trim().split('\n').at(-1) ?? '', LINK);
    const again = await account('link', 'ann', '--json', '--offline');
    const told = JSON.parse(again.text) as { link: string; state: string };
    assert.match(told.link, LINK);
    assert.equal(told.state, 'invited');
    assert.ok(!added.text.includes(told.link), 'the one before has ended');
    const roles = ['--role', 'approver', '--role', 'mail-admin'];
    assert.equal((await account('roles', 'ann', ...roles, '--offline')).code, 0);
    assert.equal((await account('disable', 'ann', '--offline')).code, 0);
    const listed = await account('list');
    assert.match(listed.text, /^ann +disabled +approver,mail-admin/m);
    const log = await sallyport(['audit', 'list', '--json', '--config', config]);
    assert.match(log.text, /"kind":"account-changed"/);
    assert.match(log.text, /"by":"root"/);
    assert.ok(!log.text.includes(LINK.source) && !log.text.includes('welcome'));
  });

  test('a token is shown once, listed without its secret, and revoked', async () => {
    const scope = ['--scope', 'queue.read', '--scope', 'queue.change'];
    const made = await account('token', 'create', 'admin', '--name', 'cron', ...scope, '--offline');
    assert.equal(made.code, 0, made.stderr);
    const secret = made.text.trim().split('\n').at(-1) ?? '';
    assert.match(secret, /^spt_[A-Za-z0-9_-]{43}$/);
    const listed = await account('token', 'list', 'admin', '--json');
    assert.ok(!listed.text.includes(secret.slice(4)));
    const { id, scopes } = JSON.parse(listed.text) as { id: string; scopes: string[] };
    assert.deepEqual(scopes, ['queue.read', 'queue.change']);
    assert.equal((await account('token', 'revoke', id, '--offline')).code, 0);
    assert.equal((await account('token', 'list')).text, '');
  });
});
