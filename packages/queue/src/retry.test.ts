import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_RETRY_SCHEDULE, nextAttempt } from './index.ts';

const MINUTE_MS = 60_000;
const CREATED = new Date('2026-11-21T10:00:00Z');
const after = (ms: number): Date => new Date(CREATED.getTime() + ms);
const schedule = DEFAULT_RETRY_SCHEDULE;

test('RFC 5321 4.5.4.1: a message older than its lifetime is not tried again', () => {
  const now = after(schedule.expireAfterMs);
  assert.deepEqual(nextAttempt({ attempts: 9, createdAt: CREATED, now, schedule }), {
    kind: 'expired',
    expiredAt: now,
  });
});

test('the rest doubles with each attempt up to its bound', () => {
  const rests = [1, 2, 3, 4, 5, 50].map((attempts) => {
    const next = nextAttempt({ attempts, createdAt: CREATED, now: CREATED, schedule });
    return next.kind === 'again' ? next.at.getTime() - CREATED.getTime() : null;
  });
  const [five, ten, twenty, forty] = [5, 10, 20, 40].map((minutes) => minutes * MINUTE_MS);
  assert.deepEqual(rests, [five, ten, twenty, forty, 4_000_000, 4_000_000]);
});

test('the last attempt falls on the moment of expiry', () => {
  const now = after(schedule.expireAfterMs - 1_000);
  const next = nextAttempt({ attempts: 99, createdAt: CREATED, now, schedule });
  assert.deepEqual(next, {
    kind: 'again',
    at: after(schedule.expireAfterMs),
    isWarningDue: true,
  });
});

test('one attempt falls on the moment at which the author is told, whatever the rest', () => {
  const at = (ms: number, restUntil?: Date): number | null => {
    const now = after(ms);
    const next = nextAttempt({ attempts: 9, createdAt: CREATED, now, schedule, restUntil });
    return next.kind === 'again' ? next.at.getTime() - CREATED.getTime() : null;
  };
  const warnsAt = 240 * MINUTE_MS;
  assert.equal(at(warnsAt - MINUTE_MS), warnsAt);
  assert.equal(at(warnsAt), warnsAt + schedule.maxBackOffMs);
  assert.equal(at(0, after(30 * MINUTE_MS)), 30 * MINUTE_MS, 'what it waits for is looked at then');
  assert.equal(at(0, after(warnsAt + 1)), warnsAt);
  assert.equal(at(warnsAt, after(schedule.expireAfterMs + 1)), schedule.expireAfterMs);
});

test('a delay warning is due at its age and never where it is off', () => {
  const isDue = (ms: number, warnAfterMs: number | null): boolean => {
    const next = nextAttempt({
      attempts: 3,
      createdAt: CREATED,
      now: after(ms),
      schedule: { ...schedule, warnAfterMs },
    });
    return next.kind === 'again' && next.isWarningDue;
  };
  assert.equal(isDue(MINUTE_MS - 1, MINUTE_MS), false);
  assert.equal(isDue(MINUTE_MS, MINUTE_MS), true);
  assert.equal(isDue(1_000 * MINUTE_MS, null), false);
});

test('every message ends: attempts follow each other and stop at expiry', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000, max: 3_600_000 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 10 }),
      (minBackOffMs, factor, days) => {
        const own = {
          minBackOffMs,
          maxBackOffMs: minBackOffMs * factor,
          expireAfterMs: days * minBackOffMs * 10,
          warnAfterMs: null,
        };
        let now = CREATED;
        for (let attempts = 1; ; attempts += 1) {
          const next = nextAttempt({ attempts, createdAt: CREATED, now, schedule: own });
          if (next.kind === 'expired') return;
          assert.ok(next.at > now && attempts < 200);
          now = next.at;
        }
      },
    ),
  );
});
