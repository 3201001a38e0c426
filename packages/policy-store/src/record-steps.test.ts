import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type AuditEvent, auditEventSchema } from '@sallyport/audit-log';
import { followSteps, recordSteps } from './record-steps.ts';
import { importPolicy, takeStep, writeDraft } from './write.ts';

const START = new Date('2026-03-01T00:00:00Z');
const LATER = new Date('2026-04-01T00:00:00Z');
const BY = { author: 'ann', reason: 'a test', now: START };

/** A store in which version 2 is planned for later, and an audit log that has nothing of it. */
async function storeFor(t: TestContext) {
  const policy = await mkdtemp(join(tmpdir(), 'spp-'));
  t.after(() => rm(policy, { recursive: true }));
  await importPolicy(policy, 'partners: []', BY);
  await writeDraft(policy, 'partners: []', { ...BY, author: 'bob' });
  const common = { version: 2, by: 'ann', now: START, fourEyes: false };
  const rehearsal = { envelopes: 9, recipients: 8, changed: 3, wouldFail: 2, unknown: 1 };
  await takeStep(policy, { kind: 'propose', ...common, rehearsal });
  await takeStep(policy, { kind: 'schedule', ...common, at: LATER });
  const events: AuditEvent[] = [];
  const record = (event: AuditEvent): Promise<void> => {
    events.push(auditEventSchema.parse(event));
    return Promise.resolve();
  };
  return { policy, events, record };
}

test('each step becomes an event of the log, with version, hash and both names, once', async (t) => {
  const { policy, events, record } = await storeFor(t);
  await recordSteps(policy, record);
  await recordSteps(policy, record);
  const kinds = ['policy-activated', 'policy-proposed', 'policy-scheduled'];
  assert.deepEqual(
    events.map(({ kind }) => kind),
    kinds,
  );
  const [, proposed] = events;
  assert.ok(proposed?.kind === 'policy-proposed');
  assert.deepEqual([proposed.version, proposed.step, proposed.base], [2, 2, 1]);
  assert.deepEqual(proposed.personal, { by: 'ann', author: 'bob' });
  assert.equal(proposed.details?.['wouldFail'], 2);
});

test('a log that does not answer gets the rest the next time, from where it stopped', async (t) => {
  const { policy, events, record } = await storeFor(t);
  let isDown = false;
  const failing = async (event: AuditEvent): Promise<void> => {
    if (isDown) throw new Error('no recorder');
    isDown = true;
    await record(event);
  };
  await assert.rejects(recordSteps(policy, failing));
  await recordSteps(policy, record);
  assert.deepEqual(
    events.map((event) => 'step' in event && event.step),
    [1, 2, 3],
  );
});

test('E-002-2: a running gateway records that a planned version came, and leaves fresh steps alone', async (t) => {
  const { policy, events, record } = await storeFor(t);
  const look = async (now: Date, missing: ReadonlySet<number> | null) =>
    await followSteps(policy, { now, missing, record });
  let missing = await look(START, new Set());
  assert.deepEqual([[...missing], events.length], [[1, 2, 3], 0], 'a command may be at it');
  missing = await look(START, missing);
  assert.deepEqual([[...missing], events.length], [[], 3], 'nobody was');
  missing = await look(LATER, missing);
  const last = events.at(-1);
  assert.ok(last?.kind === 'policy-activated' && last.version === 2);
  assert.equal(last.sentence, 'at the time that was planned for it');
  await look(LATER, missing);
  assert.equal(events.length, 4);
});
