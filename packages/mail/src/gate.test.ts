import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate } from './gate.ts';

test('so many run, so many wait in their order, and the rest is turned away at once', async () => {
  const gate = new Gate({ atOnce: 2, maxWaiting: 1 });
  const doors = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const started: number[] = [];
  const runs = doors.map((door, index) =>
    gate.run(() => {
      started.push(index);
      return door.promise.then(() => index);
    }),
  );
  assert.equal(await runs[3], null);
  assert.deepEqual(started, [0, 1]);
  doors[0]?.resolve();
  assert.equal(await runs[0], 0);
  doors[1]?.resolve();
  doors[2]?.resolve();
  assert.deepEqual(await Promise.all(runs.slice(1, 3)), [1, 2]);
  assert.deepEqual(started, [0, 1, 2]);
  assert.equal(await gate.run(() => Promise.resolve('free')), 'free');
});

test('a task that throws gives its place back', async () => {
  const gate = new Gate({ atOnce: 1, maxWaiting: 0 });
  await assert.rejects(gate.run(() => Promise.reject(new Error('x'))));
  assert.equal(await gate.run(() => Promise.resolve(1)), 1);
});
