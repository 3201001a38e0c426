/** What the first page says at a moment. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { EVENTS, HELD, NOW, testConsole } from './testing.ts';

test('whether mail flows: quiet, flowing, and again quiet an hour later', async () => {
  await using world = await testConsole();
  const stateNow = async (): Promise<string> => {
    const answer = await world.ask({ as: 'auditor', url: '/api/v1/now' });
    return answer.json<{ flow: { state: string } }>().flow.state;
  };
  assert.equal(await stateNow(), 'quiet');
  await world.log(...EVENTS.slice(0, 1), { kind: 'relayed', queueId: HELD, recipients: 1 });
  assert.equal(await stateNow(), 'flows');
  world.setTime(new Date(NOW.getTime() + 3_600_001));
  assert.equal(await stateNow(), 'quiet');
});

test('mail that was refused had not to go on, and nothing is stuck', async () => {
  await using world = await testConsole();
  const refused = { kind: 'refused', fault: 'content-refused', stage: 'judge' } as const;
  await world.log(...EVENTS.slice(0, 1), { ...refused, queueId: HELD });
  const body = (await world.ask({ as: 'auditor', url: '/' })).payload;
  assert.match(body, /none of it had to go on/);
});

test('charts show the rate and the latency, and a latency is of messages that went on in full', async () => {
  await using world = await testConsole();
  await world.log(...EVENTS.slice(0, 1));
  const before = (await world.ask({ as: 'auditor', url: '/' })).payload;
  assert.match(before, /accepted: 1 at most/);
  assert.match(before, /nothing of it has gone on in full/);
  const api = await world.ask({ as: 'auditor', url: '/api/v1/now' });
  const { flow } = api.json<{ flow: { rate: object[]; latencySteps: object[] } }>();
  assert.deepEqual([flow.rate.length, flow.latencySteps.length], [12, 24]);
});

test('a process that no gateway goes without does not answer where it has no socket', async () => {
  await using world = await testConsole();
  const { options } = world;
  Object.assign(options, { healthSocket: `${options.folders.index}/console.sock` });
  const body = (await world.ask({ as: 'auditor', url: '/' })).payload;
  assert.match(body, /A process that mail passes through does not work/);
  assert.match(body, /ingress/);
  assert.doesNotMatch(body, /directory/);
});

test('what ends is named in time: an agreement of the policy in force', async () => {
  const agreement = { id: 'RPA-1', asserts: 'x', validUntil: '2026-11-25', contact: 'a@b.example' };
  const partner = { name: 'Bravo', domains: ['bravo.example'], agreement };
  await using world = await testConsole({ policy: { partners: [partner] } });
  const body = (await world.ask({ as: 'auditor', url: '/' })).payload;
  assert.match(body, /href="\/partners\/Bravo"/);
  assert.match(body, /4 days/);
  assert.match(body, /Our own keys are missing here/);
  world.setTime(new Date('2026-12-24T12:00:00Z'));
  assert.match((await world.ask({ as: 'auditor', url: '/' })).payload, /has ended/);
});

test('a partner that shows another certificate wants a decision until the policy changes', async () => {
  await using world = await testConsole();
  const seen = async (): Promise<boolean> =>
    (await world.ask({ as: 'approver', url: '/' })).payload.includes('echo.example shows another');
  const change = {
    kind: 'partner-key-changed' as const,
    domain: 'echo.example',
    direction: 'encrypt' as const,
    certificate: 'a'.repeat(64),
    pinned: ['b'.repeat(64)],
  } satisfies Partial<AuditEvent>;
  await world.log({ ...change, outcome: 'followed' });
  assert.equal(await seen(), false);
  await world.log({ ...change, outcome: 'waits' });
  assert.equal(await seen(), true);
  world.setTime(new Date(NOW.getTime() + 60_000));
  await world.log({ kind: 'policy-activated', version: 2, sha256: 'c'.repeat(64) });
  assert.equal(await seen(), false);
});

test('the first page stands while the version in force cannot be read, and says what is missing', async () => {
  await using world = await testConsole();
  await writeFile(join(world.options.folders.policy, '000001.json'), 'what a failing disk leaves');
  const answer = await world.ask({ as: 'auditor', url: '/' });
  assert.equal(answer.statusCode, 200);
  assert.match(answer.payload, /no policy is in force/);
});
