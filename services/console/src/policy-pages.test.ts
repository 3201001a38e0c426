/** Policy versions on their pages and at the desk: what is seen is what a step is taken on. */
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { permissionsOf, type Role } from '@sallyport/accounts';
import { writeDraft } from '@sallyport/policy-store/write';
import type { Actor } from './actor.ts';
import { CSRF, EVENTS, NOW, type TestConsole, testConsole } from './testing.ts';

function actorOf(name: string, role: Role = 'security-admin'): Actor {
  const permissions = permissionsOf([role]);
  return { accountId: name, name, roles: [role], permissions, via: 'session' };
}
const ANN = actorOf('ann');

function documentWith(...names: readonly string[]): string {
  return JSON.stringify({
    partners: names.map((name) => ({
      name,
      domains: [`${name.toLowerCase()}.example`],
      tls: { level: 'encrypt' },
    })),
  });
}

async function worldFor(t: TestContext, fourEyes: boolean): Promise<TestConsole> {
  const policy = JSON.parse(documentWith('Bravo')) as object;
  const world = await testConsole({ policy, config: { fourEyes } });
  t.after(() => world[Symbol.asyncDispose]());
  return world;
}

async function drafted(world: TestConsole, ...names: readonly string[]): Promise<number> {
  const written = await world.desk.policy.draft(ANN, { text: documentWith(...names), reason: 'x' });
  assert.ok(written.kind === 'written');
  return written.version;
}

async function seenOf(world: TestConsole, version: number): Promise<string> {
  return (await world.desk.policy.show(version))?.tag ?? '';
}

test('of two who act on what both saw, one is told that the other was first', async (t) => {
  const world = await worldFor(t, false);
  await world.log(...EVENTS);
  const [two, three] = [
    await drafted(world, 'Bravo', 'Two'),
    await drafted(world, 'Bravo', 'Three'),
  ];
  const { policy } = world.desk;
  assert.equal((await policy.move(ANN, { move: 'propose', version: two })).kind, 'taken');
  const seen = { two: await seenOf(world, two), three: await seenOf(world, three) };
  // A proposal is rehearsed for a while: what comes into force meanwhile was not looked at.
  const outcomes = await Promise.all([
    policy.move(ANN, { move: 'propose', version: three, seen: seen.three }),
    policy.move(ANN, { move: 'activate', version: two, seen: seen.two }),
  ]);
  assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['changed', 'taken']);
});

test('a version is told against what it would replace, an older one as well', async (t) => {
  const world = await worldFor(t, false);
  const two = await drafted(world, 'Bravo', 'Two');
  const { policy } = world.desk;
  assert.deepEqual((await policy.show(two))?.base, 1);
  await policy.move(ANN, { move: 'propose', version: two });
  await policy.move(ANN, { move: 'activate', version: two });
  assert.deepEqual((await policy.show(two))?.base, 1, 'in force: what it replaced');
  const former = await policy.show(1);
  assert.equal(former?.base, two, 'to go back replaces what is in force now');
  assert.ok(former.changes.some(({ record, kind }) => record === 'Two' && kind === 'removed'));
  await policy.move(ANN, { move: 'rollback', version: 1, reason: 'back' });
  assert.equal((await policy.show(1))?.base, two, 'in force again: what it replaced this time');
});

test('a comparison with another version offers no step, and one that is not there is named', async (t) => {
  const world = await worldFor(t, true);
  const two = await drafted(world, 'Bravo', 'Two');
  const three = await drafted(world, 'Bravo', 'Two', 'Three');
  await world.desk.policy.move(ANN, { move: 'propose', version: three });
  const page = async (query: string): Promise<string> =>
    (await world.ask({ as: 'approver', url: `/policy/${three}${query}` })).payload;
  assert.match(await page(''), /action="\/policy\/3\/approve"/);
  const other = await page(`?from=${two}`);
  assert.doesNotMatch(other, /action="\/policy\/3\/approve"/);
  assert.match(other, /What differs from version 2/);
  const missing = await page('?from=77');
  assert.match(missing, /There is no such version/);
  assert.match(missing, /action="\/policy\/3\/approve"/, 'it shows what the version changes');
});

test('a version whose base changed can be proposed again by one person as well', async (t) => {
  const world = await worldFor(t, false);
  const [two, three] = [
    await drafted(world, 'Bravo', 'Two'),
    await drafted(world, 'Bravo', 'Three'),
  ];
  const { policy } = world.desk;
  for (const version of [two, three]) await policy.move(ANN, { move: 'propose', version });
  await policy.move(ANN, { move: 'activate', version: two });
  const refused = await policy.move(ANN, { move: 'activate', version: three });
  assert.equal(refused.kind, 'refused');
  const { payload } = await world.ask({ as: 'security-admin', url: `/policy/${three}` });
  assert.match(payload, /action="\/policy\/3\/propose"/);
});

test('a draft is on record before it is written; without a record there is none', async (t) => {
  const world = await worldFor(t, true);
  const two = await drafted(world, 'Bravo', 'Two');
  const [order] = await world.logged('console-order');
  assert.deepEqual([order?.facts['order'], order?.personal['by']], ['policy-draft', 'ann [ann]']);
  const { ports } = world.desk;
  const { record } = ports;
  Object.assign(ports, { record: async () => await Promise.reject(new Error('disk full')) });
  await assert.rejects(drafted(world, 'Bravo', 'Three'), /disk full/);
  Object.assign(ports, { record });
  const { versions } = await world.desk.policy.list({ limit: 10 });
  assert.equal(versions[0]?.version, two);
});

test('nothing is made of a version in force that is not what was put in force', async (t) => {
  const world = await worldFor(t, true);
  const folder = world.options.folders.policy;
  const elsewhere = await mkdtemp(join(tmpdir(), 'spc-'));
  t.after(() => rm(elsewhere, { recursive: true }));
  const by = { author: 'eve', reason: 'another', now: NOW };
  assert.equal((await writeDraft(elsewhere, documentWith('Eve'), by)).kind, 'written');
  await copyFile(join(elsewhere, '000001.json'), join(folder, '000001.json'));
  await assert.rejects(world.desk.policy.inForce(), /cannot be used/);
  const edit = { name: null, record: { name: 'New', domains: ['new.example'] }, reason: 'x' };
  await assert.rejects(world.desk.partners.edit(ANN, edit), /cannot be used/);
});

test('while worker advise is away a version is shown, and the brake can be pulled', async (t) => {
  const world = await worldFor(t, false);
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const record = { name: 'Two', domains: ['two.example'], trust: { pinned: [pem] } };
  const text = JSON.stringify({ partners: [record] });
  const { policy } = world.desk;
  await policy.draft(ANN, { text, reason: 'x' });
  await policy.move(ANN, { move: 'propose', version: 2 });
  await policy.move(ANN, { move: 'activate', version: 2 });
  for (const url of ['/policy/2', '/policy/1', '/partners', '/partners/Two']) {
    const answer = await world.ask({ as: 'security-admin', url });
    assert.equal(answer.statusCode, 200, url);
    if (url !== '/policy/1')
      assert.match(answer.payload, /cannot be read now|can be read now/, url);
  }
});

test('whoever may not simulate gets no rehearsal from a page either', async (t) => {
  const world = await worldFor(t, true);
  await world.log(...EVENTS);
  const two = await drafted(world, 'Bravo', 'Two');
  const page = async (as: Role): Promise<string> =>
    (await world.ask({ as, url: `/policy/${two}?rehearse=yes` })).payload;
  assert.match(await page('approver'), /Of 1 decisions on the last 1 messages/);
  assert.doesNotMatch(await page('auditor'), /on the last/);
});

test('what a step lacks is said at its field, and the rest is kept', async (t) => {
  const world = await worldFor(t, false);
  const two = await drafted(world, 'Bravo', 'Two');
  await world.desk.policy.move(ANN, { move: 'propose', version: two });
  const post = async (url: string, form: Record<string, string>) =>
    await world.ask({ as: 'security-admin', method: 'POST', url, form });
  const past = await post('/policy/2/schedule', { at: '2020-01-01T00:00' });
  assert.equal(past.statusCode, 422);
  assert.match(past.payload, /id="at-fault"/);
  assert.match(past.payload, /value="2020-01-01T00:00"/);
  const document = documentWith('Bravo', 'Kept');
  const noReason = await post('/policy', { document, reason: '' });
  assert.match(noReason.payload, /id="reason-fault"/);
  assert.doesNotMatch(noReason.payload, /id="document-fault"/);
  assert.match(noReason.payload, /Kept/);
  const long = await post('/policy', { document: 'x'.repeat(900_001), reason: 'x' });
  assert.match(long.payload, /longer than 900,000 characters/);
});

test('API: a change that another was faster with is refused, whatever was read before', async (t) => {
  const world = await worldFor(t, false);
  const headers = { 'x-csrf': CSRF };
  const call = async (url: string, json: object, etag: string) =>
    await world.ask({
      as: 'security-admin',
      method: 'POST',
      url: `/api/v1${url}`,
      json,
      headers: { ...headers, 'if-match': etag },
    });
  const { etag } = (await world.ask({ as: 'auditor', url: '/api/v1/policy' })).headers;
  const record = { name: 'Two', domains: ['two.example'] };
  const body = { record, reason: 'x' };
  const both = await Promise.all([
    call('/partners', body, String(etag)),
    call('/policy/versions', { document: documentWith('Three'), reason: 'x' }, String(etag)),
  ]);
  assert.ok(both.some(({ statusCode }) => statusCode === 201));
  assert.equal((await call('/partners', body, String(etag))).statusCode, 412);
  const odd = { record: { ...record, odd: 1 }, reason: 'x' };
  const fresh = (await world.ask({ as: 'auditor', url: '/api/v1/policy' })).headers.etag;
  const faulty = await call('/partners', odd, String(fresh));
  const { errors } = faulty.json<{ errors: { pointer: string }[] }>();
  assert.deepEqual(
    errors.map(({ pointer }) => pointer),
    ['/record'],
  );
});
