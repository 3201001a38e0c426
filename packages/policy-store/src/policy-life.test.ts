/** The life of a version: proposed, approved, planned, in force, and back. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  activeVersion,
  PolicyReader,
  type PolicyStep,
  PolicyUnavailable,
  readSteps,
  stateOf,
} from './read.ts';
import {
  importPolicy,
  markRecorded,
  operatorText,
  type PolicyOrder,
  takeDueStep,
  takeStep,
  unrecordedSteps,
  writeDraft,
} from './write.ts';

const START = Date.parse('2026-03-01T00:00:00Z');
const HOUR = 3_600_000;
const at = (hours: number): Date => new Date(START + hours * HOUR);

/** A folder with one version in force, imported by ann, and a word for each step. */
async function storeFor(t: TestContext, fourEyes = false) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-policy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const by = { author: 'ann', reason: 'a test', now: at(0) };
  assert.equal((await importPolicy(folder, 'partners: []', by)).kind, 'imported');
  let hours = 0;
  const take = async (
    kind: PolicyOrder['kind'],
    version: number,
    more: Partial<PolicyOrder> = {},
  ): Promise<string> => {
    hours += 1;
    const order = { kind, version, by: 'ann', now: at(hours), fourEyes, ...more };
    const result = await takeStep(folder, order);
    return result.kind === 'taken' ? 'taken' : result.fault;
  };
  const draft = async (name: string, author = 'ann'): Promise<string> => {
    const text = `partners:\n  - { name: ${name}, domains: [${name}.example] }\n`;
    const result = await writeDraft(folder, text, { ...by, author });
    assert.ok(result.kind === 'written');
    return result.version.sha256;
  };
  const states = async (now = at(hours)): Promise<string[]> => {
    const steps = await readSteps(folder);
    return [1, 2, 3].map((number) => stateOf(number, steps, now));
  };
  return { folder, take, draft, states };
}

test('a version goes from draft to proposed, approved, active, superseded, and back', async (t) => {
  const { take, draft, states } = await storeFor(t);
  await draft('bravo');
  assert.deepEqual(await states(), ['active', 'draft', 'draft']);
  assert.equal(await take('activate', 2), 'not-proposed');
  assert.equal(await take('propose', 2), 'taken');
  assert.deepEqual(await states(), ['active', 'proposed', 'draft']);
  assert.equal(await take('approve', 2, { by: 'bob' }), 'taken');
  assert.deepEqual(await states(), ['active', 'approved', 'draft']);
  assert.equal(await take('activate', 2), 'taken');
  assert.deepEqual(await states(), ['superseded', 'active', 'draft']);
  assert.equal(await take('activate', 2), 'already-active');
  assert.equal(await take('activate', 1), 'not-proposed', 'that is what rollback is for');
  assert.equal(await take('rollback', 1), 'taken');
  assert.deepEqual(await states(), ['active', 'rolled-back', 'draft']);
  assert.equal(
    await take('rollback', 3).catch((error) => error instanceof PolicyUnavailable),
    true,
  );
});

test('with four eyes nothing comes into force that one person alone wanted', async (t) => {
  const { take, draft } = await storeFor(t, true);
  const sha256 = await draft('bravo');
  assert.equal(await take('propose', 2, { by: 'carol' }), 'taken');
  assert.equal(await take('activate', 2), 'not-approved');
  for (const by of ['ann', ' ANN', 'Ann', 'carol', 'ｃarol']) {
    assert.equal(await take('approve', 2, { by }), 'own-proposal', by);
  }
  assert.equal(await take('approve', 2, { by: 'bob', sha256: '0'.repeat(64) }), 'hash-differs');
  assert.equal(await take('approve', 2, { by: 'bob', sha256 }), 'taken');
  assert.equal(await take('propose', 2, { by: 'bob' }), 'taken');
  assert.equal(await take('activate', 2), 'not-approved', 'an approval is of one proposal');
  assert.equal(await take('approve', 2, { by: 'carol' }), 'taken');
  assert.equal(await take('activate', 2), 'taken');
});

test('with four eyes an account counts as one person under any name, and a name under any account', async (t) => {
  const { take, draft } = await storeFor(t, true);
  const [one, other] = ['a'.repeat(20), 'b'.repeat(20)];
  await draft('bravo', operatorText({ name: 'cleo', accountId: one }));
  const by = (name: string, accountId: string) => ({ by: operatorText({ name, accountId }) });
  assert.equal(await take('propose', 2, by('cleo', one)), 'taken');
  assert.equal(await take('approve', 2, by('renamed', one)), 'own-proposal');
  assert.equal(await take('approve', 2, by('cleo', other)), 'own-proposal');
  assert.equal(await take('approve', 2, { by: 'Cleo' }), 'own-proposal', 'from the command line');
  assert.equal(await take('activate', 2, by('cleo', one)), 'not-approved');
  assert.equal(await take('approve', 2, by('dan', other)), 'taken');
  assert.equal(await take('activate', 2, by('cleo', one)), 'taken');
});

test('an approval from before four eyes were asked for does not count if it is of the proposer', async (t) => {
  const { take, draft } = await storeFor(t);
  await draft('bravo');
  assert.equal(await take('propose', 2), 'taken');
  assert.equal(await take('approve', 2), 'taken');
  assert.equal(await take('activate', 2, { fourEyes: true }), 'not-approved');
});

test('with four eyes an import is refused, and leaves no version', async (t) => {
  const { folder, states } = await storeFor(t, true);
  const by = { author: 'ann', reason: 'alone', now: at(1), fourEyes: true };
  const result = await importPolicy(folder, 'partners: []', by);
  assert.ok(result.kind === 'refused' && result.fault === 'needs-proposal');
  assert.deepEqual(await states(), ['active', 'draft', 'draft']);
  assert.equal((await readSteps(folder)).length, 1);
});

test('one person may go back to the first version, which nobody could approve of', async (t) => {
  const { take, draft, states } = await storeFor(t, true);
  await draft('bravo');
  await take('propose', 2, { by: 'bob' });
  await take('approve', 2, { by: 'carol' });
  await take('activate', 2);
  assert.equal(await take('rollback', 1), 'taken');
  assert.deepEqual(await states(), ['active', 'rolled-back', 'draft']);
});

test('one person may go back to the approved version before, and no further alone', async (t) => {
  const { take, draft, states } = await storeFor(t, true);
  for (const [number, name] of [
    [2, 'bravo'],
    [3, 'charlie'],
  ] as const) {
    await draft(name);
    assert.equal(await take('propose', number), 'taken');
    assert.equal(await take('approve', number, { by: 'bob' }), 'taken');
    assert.equal(await take('activate', number), 'taken');
  }
  assert.equal(await take('rollback', 1), 'not-approved', 'nobody ever approved of it');
  assert.equal(await take('rollback', 2), 'taken');
  assert.deepEqual(await states(), ['superseded', 'active', 'rolled-back']);
  assert.equal(await take('approve', 1, { by: 'bob' }), 'taken');
  assert.equal(await take('rollback', 1), 'taken');
});

test('a proposal that was made over another version must be looked at again', async (t) => {
  const { take, draft } = await storeFor(t);
  await draft('bravo');
  await draft('charlie');
  assert.equal(await take('propose', 2), 'taken');
  assert.equal(await take('propose', 3), 'taken');
  assert.equal(await take('activate', 2), 'taken');
  assert.equal(await take('activate', 3), 'other-base', 'it would undo version 2');
  assert.equal(await take('propose', 3), 'taken');
  assert.equal(await take('activate', 3), 'taken');
});

test('E-002-2: a planned version comes into force at its time for every reader', async (t) => {
  const { folder, take, draft, states } = await storeFor(t);
  await draft('bravo');
  assert.equal(await take('propose', 2), 'taken');
  assert.equal(await take('schedule', 2, { at: at(-1) }), 'time-is-past');
  assert.equal(await take('schedule', 2, { at: at(100) }), 'taken');
  assert.deepEqual(await states(), ['active', 'scheduled', 'draft']);
  let now = at(99);
  const reader = new PolicyReader(folder, { now: () => now });
  assert.equal((await reader.current()).version, 1);
  now = at(100);
  assert.equal((await reader.current()).version, 2, 'though nobody wrote anything');
  assert.equal(await activeVersion(folder, at(100)), 2);
  assert.deepEqual(await states(at(100)), ['superseded', 'active', 'draft']);
  assert.equal(await takeDueStep(folder, at(99)), null);
  assert.equal((await takeDueStep(folder, at(101)))?.kind, 'due');
  assert.equal(await takeDueStep(folder, at(102)), null, 'once');
  assert.deepEqual(await states(at(103)), ['superseded', 'active', 'draft']);
});

test('one plan at a time; it is taken back by hand, or by whatever else comes into force', async (t) => {
  const { take, draft, states } = await storeFor(t);
  await draft('bravo');
  await draft('charlie');
  for (const number of [2, 3]) assert.equal(await take('propose', number), 'taken');
  assert.equal(await take('schedule', 2, { at: at(100) }), 'taken');
  assert.equal(await take('schedule', 3, { at: at(90) }), 'already-planned');
  assert.equal(await take('cancel', 3), 'not-planned');
  assert.equal(await take('cancel', 2), 'taken');
  assert.deepEqual(await states(at(101)), ['active', 'proposed', 'proposed']);
  assert.equal(await take('schedule', 2, { at: at(100) }), 'taken');
  assert.equal(await take('activate', 3), 'taken');
  assert.deepEqual(await states(at(101)), ['superseded', 'proposed', 'active']);
});

test('what came by plan can be rolled back to, though nobody wrote that it came', async (t) => {
  const { take, draft, states } = await storeFor(t);
  await draft('bravo');
  assert.equal(await take('propose', 2), 'taken');
  assert.equal(await take('schedule', 2, { at: at(10) }), 'taken');
  assert.equal(await take('rollback', 1, { now: at(11) }), 'taken');
  assert.deepEqual(await states(at(12)), ['active', 'rolled-back', 'draft']);
  assert.equal(await take('rollback', 2, { now: at(13) }), 'taken');
});

test('of many who activate at once one is first, and the chain of steps stays whole', async (t) => {
  const { folder, take, draft } = await storeFor(t);
  for (let number = 2; number < 8; number += 1) {
    await draft(`p${number}`);
    assert.equal(await take('propose', number), 'taken');
  }
  const results = await Promise.all([2, 3, 4, 5, 6, 7].map((number) => take('activate', number)));
  assert.equal(results.filter((one) => one === 'taken').length, 1, results.join());
  assert.ok(results.every((one) => one === 'taken' || one === 'other-base'));
  assert.equal((await readSteps(folder)).length, 8);
});

test('a step that is missing from the chain is found', async (t) => {
  const { folder, take, draft } = await storeFor(t);
  await draft('bravo');
  await take('propose', 2);
  await take('activate', 2);
  await rm(join(folder, 'step-000002.json'));
  await assert.rejects(readSteps(folder), PolicyUnavailable);
});

test('steps that the audit log lacks are known until it has them', async (t) => {
  const { folder, take, draft } = await storeFor(t);
  const open = async (): Promise<number[]> =>
    (await unrecordedSteps(folder)).map(({ step }: PolicyStep) => step);
  assert.deepEqual(await open(), [1]);
  await draft('bravo');
  await take('propose', 2);
  await markRecorded(folder, 1);
  assert.deepEqual(await open(), [2]);
});

test('an order that was given in view of other steps is not taken', async (t) => {
  const { folder, take, draft } = await storeFor(t);
  await draft('bravo');
  assert.equal(await take('propose', 2, { after: 0 }), 'step-since');
  const seen = (await readSteps(folder)).length;
  assert.equal(await take('propose', 2, { after: seen }), 'taken');
  assert.equal(await take('activate', 2, { after: seen }), 'step-since');
});

test('a plan that came due since is another step', async (t) => {
  const { folder, take, draft } = await storeFor(t);
  await draft('bravo');
  await take('propose', 2);
  await take('schedule', 2, { at: at(10) });
  const seen = (await readSteps(folder)).length;
  assert.equal(await take('rollback', 1, { now: at(11), after: seen }), 'step-since');
});
