import assert from 'node:assert/strict';
import { createReadStream, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AuditEvent, segmentName, verifyLog } from '@sallyport/audit-log';
import { planRetention, removeSegment } from './retention.ts';
import { accepted, newFolder, newId, TestLog } from './testing.ts';

const LEAVES = 512;
const later = new Date('2027-11-21T00:00:00Z');

function fill(events: number): AuditEvent[] {
  const event: AuditEvent = { kind: 'service-started', service: 'egress' };
  return Array.from({ length: events }, () => event);
}

const plan = (log: TestLog, before: Date) =>
  planRetention(log.folder, { before, publicKey: log.publicKey, segmentLeaves: LEAVES });

const verify = (log: TestLog) =>
  verifyLog(
    readdirSync(log.folder)
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .map((name) => ({ name, bytes: createReadStream(join(log.folder, name)) })),
    log.publicKey,
    { segmentLeaves: LEAVES },
  );

test('old segments give way to their root; what is left is provable, and the index follows', async () => {
  const log = new TestLog(LEAVES);
  const queueId = newId();
  log.add(accepted(queueId, 'a@bravo.example'));
  const early = log.head;
  const intent = { kind: 'key-intent', queueId, keyId: 'k', operation: 'sign' };
  log.add(intent);
  log.addParsed(fill(LEAVES - 2));
  const boundary = log.head;
  log.addParsed(fill(LEAVES));
  log.add(accepted(newId(), 'b@bravo.example'));
  const file = join(newFolder(), 'index.sqlite');
  const index = await log.index(file);

  // The use of a key has no outcome: its segment stays.
  const [first, second] = [segmentName(0), segmentName(LEAVES)];
  const open = await plan(log, later);
  assert.deepEqual(
    open.remove.map(({ segment }) => segment),
    [second],
  );
  assert.deepEqual(
    open.keep.map(({ segment }) => segment),
    [first],
  );
  log.add({ ...intent, kind: 'key-outcome', intent: 1, outcome: 'done' });

  const nothing = await plan(log, new Date('2026-11-21T04:00:00Z'));
  assert.deepEqual(nothing, { remove: [], keep: [] });
  const { remove } = await plan(log, later);
  assert.deepEqual(
    remove.map(({ segment }) => segment),
    [first, second],
  );
  const [oldest] = remove;
  assert.ok(oldest);
  log.add({ kind: 'log-retained', ...oldest });
  const size = log.head?.size ?? 0;
  writeFileSync(join(log.folder, `${first}.root`), 'left by a crash');
  await removeSegment(log.folder, oldest);
  const verdict = await verify(log);
  assert.deepEqual(verdict.kind === 'ok' && [verdict.size, verdict.removedLeaves], [size, LEAVES]);

  assert.deepEqual(await index.catchUp(), { size, damage: null });
  assert.equal(index.search({ address: 'a@bravo.example', limit: 10 }).events.length, 0);
  assert.equal(index.search({ address: 'b@bravo.example', limit: 10 }).events.length, 1);
  assert.equal(index.messages({ limit: 10 }).messages.length, 1);
  assert.equal(index.prove(0).kind, 'removed');
  assert.equal(index.prove(LEAVES).kind, 'proof');
  assert.equal(index.prove(size - 1).kind, 'proof');
  assert.ok(early !== null && boundary !== null);
  assert.equal(index.proveConsistency(early).kind, 'removed');
  assert.equal(index.proveConsistency(boundary).kind, 'proof');
  index.close();

  const fresh = await log.index();
  assert.equal(fresh.prove(0).kind, 'removed');
  assert.equal(fresh.prove(LEAVES + 1).kind, 'proof');
  assert.equal(fresh.proveConsistency(boundary).kind, 'proof');
  fresh.close();
});

test('a segment that is not in order under its own head is never removed', async () => {
  const log = new TestLog(LEAVES);
  log.addParsed(fill(LEAVES + 1));
  const path = join(log.folder, segmentName(0));
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('egress', 'ingress'));
  const { remove, keep } = await plan(log, later);
  assert.deepEqual([remove.length, keep.length], [0, 1]);
});

test('a segment of a time when the clock was wrong keeps no later one', async () => {
  const log = new TestLog(LEAVES).from(new Date('2036-11-21T00:00:00Z'));
  log.addParsed(fill(LEAVES));
  log.from(new Date('2026-11-21T00:00:00Z')).addParsed(fill(LEAVES + 1));
  const { remove } = await plan(log, later);
  assert.deepEqual(
    remove.map(({ segment }) => segment),
    [segmentName(LEAVES)],
  );
});
