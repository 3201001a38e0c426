import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from './clock.ts';
import { repeat, rest, sleepMs } from './timers.ts';

const HOUR_MS = 3_600_000;
const settable = () => ({
  ms: Date.parse('2026-11-21T08:00:00Z'),
  lookAgainMs: 5,
  now(): Date {
    return new Date(this.ms);
  },
});

test('a sleep towards a far moment is cut where the clock can be set', () => {
  const clock: Clock = { now: () => new Date(0) };
  assert.equal(sleepMs(clock, HOUR_MS), HOUR_MS);
  assert.equal(sleepMs(clock, 2 ** 40), 2 ** 31 - 1);
  assert.equal(sleepMs({ ...clock, lookAgainMs: 5 }, HOUR_MS), 5);
  assert.equal(sleepMs(clock, -1), 0);
});

test('what repeats follows a clock that is set, once for all periods that were passed over', async () => {
  const clock = settable();
  let done = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = repeat(clock, HOUR_MS, () => {
    done += 1;
    resolve();
  });
  await rest({ now: () => new Date() }, 30);
  assert.equal(done, 0);
  clock.ms += 5 * HOUR_MS;
  await promise;
  stop();
  assert.equal(done, 1);
});

test('a rest ends with the clock, or with its signal', async () => {
  const clock = settable();
  const resting = rest(clock, HOUR_MS);
  clock.ms += HOUR_MS;
  await resting;
  const ending = new AbortController();
  const stopped = rest(clock, HOUR_MS, ending.signal);
  ending.abort();
  await stopped;
});
