import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS, type MetricRow, Metrics, metricOf } from './index.ts';

test('a metric that another process serves is refused', () => {
  const metrics = new Metrics('egress');
  assert.throws(() => metrics.add('sallyport_audit_events_total', {}), /no metric of this process/);
});

test('a label value that the catalogue does not know becomes other', () => {
  const metrics = new Metrics('recorder');
  for (const fault of ['relay-denied', 'a"} 1\nevil 2', 'Bravo Hospital', '']) {
    metrics.add('sallyport_refusals_total', { stage: 'rcpt', fault });
  }
  metrics.add('sallyport_refusals_total', { stage: 'elsewhere', fault: 'relay-denied' });
  const samples = metrics.samples();
  assert.equal(samples['sallyport_refusals_total{stage="rcpt",fault="relay-denied"}'], 1);
  assert.equal(samples['sallyport_refusals_total{stage="rcpt",fault="other"}'], 3);
  assert.equal(samples['sallyport_refusals_total{stage="other",fault="relay-denied"}'], 1);
});

test('words make no more series than the bound, and what comes beyond is counted still', () => {
  const metrics = new Metrics('recorder');
  for (let i = 0; i < 1_000; i += 1) {
    metrics.add('sallyport_held_messages_total', { fault: `word-${i}` });
  }
  const held = Object.entries(metrics.samples()).filter(([key]) => key.includes('held_messages'));
  assert.equal(held.length, 201);
  assert.equal(
    held.reduce((sum, [, value]) => sum + value, 0),
    1_000,
  );
});

test('counters with closed labels begin at zero, gauges where they are set', () => {
  const samples = new Metrics('egress').samples();
  assert.equal(samples['sallyport_deliveries_total{direction="outward",outcome="relayed"}'], 0);
  assert.equal(samples['sallyport_queue_messages{queue="incoming"}'], undefined);
});

test('a gauge is what it was set to last, and gone when it is cleared', () => {
  const metrics = new Metrics('egress');
  metrics.set('sallyport_queue_messages', { queue: 'outgoing' }, 5);
  metrics.set('sallyport_queue_messages', { queue: 'outgoing' }, 2);
  assert.equal(metrics.samples()['sallyport_queue_messages{queue="outgoing"}'], 2);
  metrics.clear('sallyport_queue_messages');
  assert.equal(metrics.samples()['sallyport_queue_messages{queue="outgoing"}'], undefined);
});

test('a histogram counts up to each bound, its sum, and what is beyond the last', () => {
  const metrics = new Metrics('ingress');
  for (const seconds of [0.001, 0.2, 99]) {
    metrics.observe('sallyport_verdict_duration_seconds', { direction: 'inward' }, seconds);
  }
  const of = (part: string) => metrics.samples()[`sallyport_verdict_duration_seconds_${part}`];
  assert.equal(of('bucket{direction="inward",le="0.001"}'), 1);
  assert.equal(of('bucket{direction="inward",le="0.1"}'), 1);
  assert.equal(of('bucket{direction="inward",le="0.25"}'), 2);
  assert.equal(of('bucket{direction="inward",le="30"}'), 2);
  assert.equal(of('bucket{direction="inward",le="+Inf"}'), 3);
  assert.equal(of('count{direction="inward"}'), 3);
  assert.ok(Math.abs((of('sum{direction="inward"}') ?? 0) - 99.201) < 1e-9);
});

test('names and labels are as Prometheus wants them: base units, _total for counters alone', () => {
  for (const [name, row] of Object.entries<MetricRow>(METRICS)) {
    assert.match(name, /^sallyport_[a-z0-9_]+$/);
    assert.equal(name.endsWith('_total'), row.type === 'counter', name);
    assert.doesNotMatch(name, /_(ms|milliseconds|minutes|kb|mb)(_|$)/, name);
    assert.equal(row.type === 'histogram', row.buckets !== undefined, name);
    assert.ok(row.by.length > 0 && row.help.endsWith('.'), name);
    for (const label of Object.keys(row.labels)) assert.match(label, /^[a-z]+$/);
    // What the monitor and Prometheus add, and what histograms and summaries have.
    for (const label of ['role', 'instance', 'job', 'le', 'quantile']) {
      assert.ok(!(label in row.labels), `${name} has the label ${label}`);
    }
  }
});

test('a series is traced back to its metric, and a stranger to none', () => {
  assert.equal(metricOf('sallyport_up{process="egress"}')?.name, 'sallyport_up');
  const bucket = metricOf('sallyport_verdict_duration_seconds_bucket{direction="inward",le="1"}');
  assert.equal(bucket?.row.type, 'histogram');
  assert.equal(metricOf('evil_total'), null);
  assert.equal(metricOf('constructor'), null);
});
