import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newQueueId, type QueueId } from '@sallyport/mail';
import { Backlog } from './backlog.ts';
import { outwardVerbs, type VerbPorts } from './verbs.ts';

const ids = (count: number): QueueId[] =>
  Array.from({ length: count }, () => newQueueId(new Date()));

async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise((done) => setImmediate(done));
  return settled;
}

test('there is room for 64, and the next waits until one has started', async () => {
  const backlog = new Backlog();
  const first = ids(64);
  for (const id of first) assert.equal(await isSettled(backlog.room(id, 0)), true);
  const [a, b] = ids(2) as [QueueId, QueueId];
  const one = backlog.room(a, 0);
  const two = backlog.room(b, 0);
  assert.deepEqual([await isSettled(one), await isSettled(two)], [false, false]);
  backlog.started(a);
  assert.deepEqual([await isSettled(one), await isSettled(two)], [true, false], 'in order');
  backlog.started(a);
  assert.equal(await isSettled(two), false, 'a second start of the same message makes no room');
  backlog.started(first[0] as QueueId);
  assert.equal(await isSettled(two), true);
});

test('nobody waits for ever, and who gave up holds up nobody', { timeout: 10_000 }, async () => {
  const backlog = new Backlog();
  const full = ids(64);
  for (const id of full) await backlog.room(id, 0);
  const [late, next] = ids(2) as [QueueId, QueueId];
  await backlog.room(late, 0);
  const waiting = backlog.room(next, 0);
  backlog.started(full[0] as QueueId);
  assert.equal(await isSettled(waiting), true);
});

test('what was never heard of again is forgotten after a minute', async () => {
  const backlog = new Backlog();
  for (const id of ids(64)) await backlog.room(id, 0);
  const [one] = ids(1) as [QueueId];
  assert.equal(await isSettled(backlog.room(one, 60_000)), true);
});

test('a schedule that starts a message before its hint is answered leaves nothing in the line', async () => {
  const backlog = new Backlog();
  const ports = {
    clock: { now: () => new Date() },
    roomAfter: (id: QueueId) => backlog.room(id, 0),
    schedule: {
      add: ({ id }: { id: QueueId }) => {
        backlog.started(id);
        return Promise.resolve();
      },
    },
  } as unknown as VerbPorts;
  const { hint } = outwardVerbs(ports);
  const context = { closed: new AbortController().signal };
  for (const id of ids(64)) await hint({ id, destination: 'bravo.example' }, context);
  const [one] = ids(1) as [QueueId];
  assert.equal(await isSettled(backlog.room(one, 0)), true);
});
