import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Samples } from '@sallyport/log';
import type { RoleReport } from './collect.ts';
import { agedQueues, nearEnds, ProcessHistory } from './conditions.ts';

const START = Date.parse('2026-03-01T12:00:00Z');
const at = (seconds: number): Date => new Date(START + seconds * 1_000);
const WELL = { ok: true, sentence: 'works' };

function egress(health: RoleReport['health'], samples: Samples = {}): RoleReport {
  return { role: 'egress', health, samples };
}

function idsAt(history: ProcessHistory, reports: readonly RoleReport[], seconds: number): string[] {
  history.observe(reports, at(seconds));
  return history.conditions(reports, at(seconds), 60_000).map(({ id }) => id);
}

test('a process is a condition only once it is away for long', () => {
  const history = new ProcessHistory();
  assert.deepEqual(idsAt(history, [egress(null)], 0), []);
  assert.deepEqual(idsAt(history, [egress(null)], 59), []);
  assert.deepEqual(idsAt(history, [egress(null)], 60), ['process egress']);
  assert.deepEqual(idsAt(history, [egress(WELL)], 61), []);
  assert.deepEqual(idsAt(history, [egress(null)], 62), [], 'it counts anew');
});

test('a process that cannot do its work says itself why', () => {
  const history = new ProcessHistory();
  const full = [egress({ ok: false, sentence: 'the disk is full' })];
  history.observe(full, at(0));
  const [condition] = history.conditions(full, at(61), 60_000);
  assert.equal(condition?.sentence, 'egress: the disk is full.');
});

test('beginning anew three times within ten minutes is a condition', () => {
  const history = new ProcessHistory();
  const begun = (time: number) => [egress(WELL, { sallyport_process_start_time_seconds: time })];
  assert.deepEqual(history.observe(begun(1), at(0)), []);
  assert.deepEqual(history.observe(begun(1), at(1)), []);
  assert.deepEqual(history.observe(begun(2), at(2)), ['egress']);
  assert.deepEqual(idsAt(history, begun(3), 300), []);
  assert.deepEqual(idsAt(history, begun(4), 500), ['restarts egress']);
  assert.deepEqual(idsAt(history, begun(4), 700), [], 'the first is long ago');
});

test('a monitor that began a short while ago does not know that restarts are over', () => {
  const history = new ProcessHistory();
  assert.equal(history.isUnknown('restarts egress', at(0)), true);
  history.observe([egress(WELL)], at(0));
  assert.equal(history.isUnknown('restarts egress', at(599)), true);
  assert.equal(history.isUnknown('restarts egress', at(600)), false);
  assert.equal(history.isUnknown('process egress', at(0)), false);
});

test('a queue is a condition once its oldest message waits longer than the limit', () => {
  const waits = (seconds: number) =>
    agedQueues(
      [egress(WELL, { 'sallyport_queue_oldest_age_seconds{queue="outgoing"}': seconds })],
      {
        queueAgeMs: 7_200_000,
      },
    );
  assert.deepEqual(waits(7_200), []);
  assert.deepEqual(
    waits(7_201).map(({ id }) => id),
    ['queue-age outgoing'],
  );
  assert.deepEqual(agedQueues([egress(null)], { queueAgeMs: 1 }), []);
});

test('what ends is a condition in its last days, and its end is another one', () => {
  const end = {
    kind: 'tls' as const,
    id: 'ingress ab',
    subject: 'the TLS certificate of the SMTP ports',
    at: at(0),
    advice: 'renew it',
  };
  const day = 86_400;
  const idsOf = (seconds: number): string[] =>
    nearEnds([end], { now: at(seconds), expiryDays: 30 }).map(({ id }) => id);
  assert.deepEqual(idsOf(-30 * day - 1), []);
  assert.deepEqual(idsOf(-30 * day), ['tls ingress ab ends']);
  assert.deepEqual(idsOf(0), ['tls ingress ab ends', 'tls ingress ab ended']);
  const [ending] = nearEnds([end], { now: at(-day), expiryDays: 30 });
  assert.equal(
    ending?.sentence,
    'The TLS certificate of the SMTP ports ends at 2026-03-01 12:00 UTC: renew it.',
  );
});
