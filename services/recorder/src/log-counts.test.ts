import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { Metrics } from '@sallyport/log';
import { LogCounts } from './log-counts.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const CORRUPT: AuditEvent = { kind: 'corrupt-found', folder: 'outgoing', reason: 'x' };

function committed(...events: readonly AuditEvent[]) {
  const metrics = new Metrics('recorder');
  const counts = new LogCounts(metrics);
  counts.committed(events, { first: 10, seconds: 0.002, now: NOW });
  return { counts, metrics, samples: metrics.samples() };
}

test('what is on the disk is counted by its kind', () => {
  const { samples } = committed(
    { kind: 'accepted', queueId: '0'.repeat(20), origin: 'inward', sizeBytes: 1 },
    { kind: 'refused', fault: 'relay-denied', stage: 'rcpt' },
    { kind: 'decided', queueId: '0'.repeat(20), decision: 'hold' },
    { kind: 'login', service: 'ingress', outcome: 'locked' },
  );
  const of = (series: string): number | undefined => samples[`sallyport_${series}`];
  assert.equal(of('accepted_messages_total{direction="inward"}'), 1);
  assert.equal(of('refusals_total{stage="rcpt",fault="relay-denied"}'), 1);
  assert.equal(of('decisions_total{decision="hold"}'), 1);
  assert.equal(of('logins_total{outcome="locked"}'), 1);
  assert.equal(of('audit_events_total'), 4);
  assert.equal(of('audit_leaves'), 14);
  assert.equal(of('audit_commit_duration_seconds_count'), 1);
});

test('a disk that takes nothing is seen until it takes something', () => {
  const { counts, metrics } = committed();
  counts.failed();
  assert.equal(metrics.samples()['sallyport_audit_writable'], 0);
  assert.equal(metrics.samples()['sallyport_audit_write_failures_total'], 1);
  counts.committed([CORRUPT], { first: 10, seconds: 1, now: NOW });
  assert.equal(metrics.samples()['sallyport_audit_writable'], 1);
});

test('notices are those after an index, without personal facts, and bounded', () => {
  const changed: AuditEvent = {
    kind: 'partner-key-changed',
    domain: 'bravo.example',
    direction: 'sign',
    outcome: 'waits',
    certificate: 'a'.repeat(64),
    pinned: [],
    personal: { reversePath: 'bob@bravo.example' },
  };
  const { counts } = committed(CORRUPT, changed, { kind: 'service-started', service: 'x' });
  assert.deepEqual(
    counts.notices(-1).map(({ index, kind }) => [index, kind]),
    [
      [10, 'corrupt-found'],
      [11, 'partner-key-changed'],
    ],
  );
  assert.deepEqual(
    counts.notices(10).map(({ index }) => index),
    [11],
  );
  assert.doesNotMatch(JSON.stringify(counts.notices(-1)), /bob/);
  const many = Array.from({ length: 5_000 }, () => CORRUPT);
  counts.committed(many, { first: 12, seconds: 1, now: NOW });
  assert.ok(counts.notices(-1).length <= 500);
  assert.equal(counts.notices(-1).at(-1)?.index, 5_011, 'the newest are kept');
});
