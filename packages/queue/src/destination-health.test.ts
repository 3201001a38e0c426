import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DestinationHealth } from './destination-health.ts';

const MINUTE_MS = 60_000;

function health() {
  const clock = { minutes: 0, now: () => new Date(clock.minutes * MINUTE_MS) };
  const schedule = { minBackOffMs: 5 * MINUTE_MS, maxBackOffMs: 60 * MINUTE_MS };
  return { clock, known: new DestinationHealth<string>({ clock, schedule }) };
}

test('a destination that is not known to be in trouble is tried as often as the limit says', () => {
  const { known } = health();
  assert.equal(known.troubleOf('bravo.example'), null);
  assert.equal(known.concurrencyOf('bravo.example', 20), 20);
  known.reached('bravo.example');
  assert.equal(known.concurrencyOf('bravo.example', 20), 20);
});

test('all wait for one try at a time, and the rest between two doubles up to its bound', () => {
  const { clock, known } = health();
  const rests: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    const { until } = known.failed('bravo.example', `failure ${round}`);
    // Those that were under way meanwhile prolong nothing.
    assert.equal(known.failed('bravo.example', 'the same').until, until);
    rests.push(until.getTime() / MINUTE_MS - clock.minutes);
    assert.equal(known.troubleOf('bravo.example')?.why, `failure ${round}`);
    assert.equal(known.concurrencyOf('bravo.example', 20), 1);
    clock.minutes = until.getTime() / MINUTE_MS;
    assert.equal(known.troubleOf('bravo.example'), null, 'the next one is tried');
  }
  assert.deepEqual(rests, [5, 10, 20, 40, 60, 60]);
  assert.equal(known.troubleOf('other.example'), null, 'nobody else is kept waiting');
});

test('one that is back gets one message at a time first, and one more for every twenty', () => {
  const { known } = health();
  known.failed('bravo.example', 'away');
  const allowed: number[] = [];
  for (let done = 1; done <= 60; done += 1) {
    known.reached('bravo.example');
    allowed.push(known.concurrencyOf('bravo.example', 3));
  }
  assert.deepEqual(
    [allowed[0], allowed[18], allowed[19], allowed[39], allowed[59]],
    [1, 1, 2, 3, 3],
  );
});

test('an operator may have it tried at once, and what was known before a restart is', () => {
  const { known } = health();
  known.failed('bravo.example', 'away');
  known.tryNow('bravo.example');
  assert.equal(known.troubleOf('bravo.example'), null);
  assert.equal(known.concurrencyOf('bravo.example', 20), 1);
  known.remember('other.example', 'away before');
  assert.equal(known.troubleOf('other.example'), null);
  assert.equal(known.concurrencyOf('other.example', 20), 1);
});
