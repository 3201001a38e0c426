/** Policy over the API, as programs use it: conditions, faults by field, four eyes by account. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addAccount, createToken, permissionsOf, type Role } from '@sallyport/accounts';
import { type Answer, type ConsoleGateway, startConsole } from '../harness/console.ts';

const RECORD = {
  name: 'Bravo',
  domains: ['bravo.example'],
  outbound: { encrypt: 'when-possible' },
};

describe('the policy over the API', () => {
  const stack = new AsyncDisposableStack();
  let world: ConsoleGateway;

  before(async () => {
    world = stack.use(await startConsole({ gateway: { config: { policy: { fourEyes: true } } } }));
  });
  after(() => stack.disposeAsync());

  const api = async (who: Role, path: string, body?: object, more: object = {}): Promise<Answer> =>
    await world.call(
      who,
      `/api/v1${path}`,
      body === undefined ? more : { method: 'POST', body, ...more },
    );

  /** The ETag of what is there, as a condition. */
  const matching = async (path: string) => {
    const { headers } = await api('security-admin', path);
    return { headers: { 'if-match': String(headers['etag']) } };
  };

  const detailOf = (answer: Answer) => answer.json() as Record<string, unknown>;

  test('a change needs the ETag that was read, and is refused with another', async () => {
    const body = { record: RECORD, reason: 'a new partner' };
    assert.equal((await api('security-admin', '/partners', body)).status, 428);
    const stale = { headers: { 'if-match': '"policy-0-0"' } };
    assert.equal((await api('security-admin', '/partners', body, stale)).status, 412);
  });

  test('faults are named by the field of the body', async () => {
    const record = { ...RECORD, outbound: { encrypt: 'perhaps' }, domains: ['-'] };
    const condition = await matching('/policy');
    const answer = await api('security-admin', '/partners', { record, reason: 'x' }, condition);
    assert.equal(answer.status, 422);
    const { errors } = detailOf(answer) as { errors: { pointer: string }[] };
    const pointers = errors.map(({ pointer }) => pointer).sort();
    assert.deepEqual(pointers, ['/record/domains/0', '/record/outbound/encrypt']);
  });

  test('a level that this gateway cannot hold to is not proposed', async () => {
    const record = { ...RECORD, tls: { level: 'dane-only' } };
    const condition = await matching('/policy');
    const made = await api('security-admin', '/partners', { record, reason: 'x' }, condition);
    assert.equal(made.status, 201, made.text);
    const path = `/policy/versions/${detailOf(made)['version']}`;
    const answer = await api('security-admin', `${path}/propose`, {}, await matching(path));
    assert.equal(answer.status, 409);
    assert.match(answer.text, /needs a resolver whose DNSSEC counts/);
  });

  test('a draft is proposed, approved of by its hash, put in force, and told of', async () => {
    const condition = await matching('/policy');
    const made = await api(
      'security-admin',
      '/partners',
      { record: RECORD, reason: 'new' },
      condition,
    );
    assert.equal(made.status, 201, made.text);
    const { version } = detailOf(made);
    const path = `/policy/versions/${version}`;
    const step = async (who: Role, move: string, body: object): Promise<number> =>
      (await api(who, `${path}/${move}`, body, await matching(path))).status;
    assert.equal(await step('approver', 'approve', { sha256: 'a'.repeat(64) }), 409, 'no proposal');
    assert.equal(await step('security-admin', 'propose', {}), 200);
    assert.equal(await step('security-admin', 'activate', {}), 409, 'not approved');
    const { sha256, changes } = detailOf(await api('approver', path));
    assert.ok((changes as { record: string }[]).every(({ record }) => record === 'Bravo'));
    assert.equal(
      await step('approver', 'approve', { sha256: 'a'.repeat(64) }),
      409,
      'another hash',
    );
    assert.equal(await step('security-admin', 'approve', { sha256: String(sha256) }), 403);
    assert.equal(await step('approver', 'approve', { sha256: String(sha256) }), 200);
    assert.equal(await step('auditor', 'activate', {}), 403);
    assert.equal(await step('security-admin', 'activate', {}), 200);
    assert.equal(detailOf(await api('auditor', '/policy'))['version'], version);
    const [row] = detailOf(await api('auditor', '/partners'))['items'] as { name: string }[];
    assert.equal(row?.name, 'Bravo');
    const document = await api('auditor', `${path}/document`);
    assert.match(document.text, /bravo\.example/);
  });

  test('an account with both roles, and every token of it, is one person', async () => {
    const token = await tokenOfBoth(world);
    const call = async (path: string, body?: object, headers: Record<string, string> = {}) =>
      await world.call(null, `/api/v1${path}`, {
        ...(body === undefined ? {} : { method: 'POST', body }),
        headers: { authorization: `Bearer ${token}`, ...headers },
      });
    const tag = async (path: string) => ({
      'if-match': String((await call(path)).headers['etag']),
    });
    const record = { ...RECORD, name: 'Other', domains: ['other.example'] };
    const made = await call('/partners', { record, reason: 'mine' }, await tag('/policy'));
    const path = `/policy/versions/${detailOf(made)['version']}`;
    assert.equal((await call(`${path}/propose`, {}, await tag(path))).status, 200);
    const { sha256 } = detailOf(await call(path));
    const approved = await call(`${path}/approve`, { sha256 }, await tag(path));
    assert.equal(approved.status, 409);
    assert.match(approved.text, /somebody else must approve it/);
  });

  test('an auditor reads, and looks nothing up at strangers', async () => {
    assert.equal((await api('auditor', '/policy/versions')).status, 200);
    for (const path of ['/survey', '/probe']) {
      assert.equal((await api('auditor', path, { domain: 'bravo.example' })).status, 403);
    }
    const message = { from: 'a@acme.example', to: 'b@bravo.example' };
    assert.equal((await api('auditor', '/simulate', message)).status, 403);
  });

  test('a message is simulated by a version that is not in force', async () => {
    const message = { from: 'alice@acme.example', to: 'bob@bravo.example', version: 1 };
    const answer = await api('approver', '/simulate', message);
    assert.equal(answer.status, 200, answer.text);
    const { rule, version } = detailOf(answer);
    assert.deepEqual([rule, version], ['default', 1]);
    assert.equal((await api('approver', '/simulate', { ...message, to: 'nobody' })).status, 409);
  });
});

async function tokenOfBoth(world: ConsoleGateway): Promise<string> {
  const roles: readonly Role[] = ['security-admin', 'approver'];
  const now = new Date();
  const unrecorded = async (): Promise<void> => undefined;
  const added = await world.store.change(
    (all) => addAccount(all, { name: 'both', roles: [...roles], now }),
    unrecorded,
  );
  assert.ok(added.kind !== 'refused');
  const order = { name: 'test', scopes: [...permissionsOf(roles)], days: 1, now };
  const made = await world.store.change(
    (all) => createToken(all, { name: 'both' }, order),
    unrecorded,
  );
  assert.ok(made.kind !== 'refused');
  return made.result.secret;
}
