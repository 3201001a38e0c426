import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '@sallyport/log';
import { newQueueId, type QueueId, queueIdTime } from '@sallyport/mail';
import { QueueGauges } from './queue-gauges.ts';

const NOW = new Date('2026-03-01T12:00:00Z');

function idsOf(...agesSeconds: readonly number[]): QueueId[] {
  return agesSeconds.map((age) => newQueueId(new Date(NOW.getTime() - age * 1_000)));
}

function gaugesOf(list: () => AsyncIterable<QueueId>) {
  const metrics = new Metrics('egress');
  const gauges = new QueueGauges({
    metrics,
    clock: { now: () => NOW },
    folders: ['outgoing'],
    list,
    schedule: { counts: async () => ({ waiting: 2, running: 1 }) },
  });
  const gaugeOf = (name: string): number | undefined =>
    metrics.samples()[`sallyport_queue_${name}`];
  return { gauges, gaugeOf };
}

test('a queue id tells when its message was taken', () => {
  assert.equal(queueIdTime(newQueueId(NOW)), NOW.getTime());
});

test('depth and oldest age are those of the folder', async () => {
  const { gauges, gaugeOf } = gaugesOf(async function* () {
    yield* idsOf(10, 3_600, 60);
  });
  await gauges.collect();
  assert.equal(gaugeOf('messages{queue="outgoing"}'), 3);
  assert.equal(gaugeOf('oldest_age_seconds{queue="outgoing"}'), 3_600);
  assert.equal(gaugeOf('jobs{state="waiting"}'), 2);
});

test('an empty folder has age zero, and those who ask together share one count', async () => {
  let counted = 0;
  const { gauges, gaugeOf } = gaugesOf(async function* () {
    counted += 1;
    yield* idsOf();
  });
  await Promise.all([gauges.collect(), gauges.collect()]);
  await gauges.collect();
  assert.equal(counted, 1);
  assert.equal(gaugeOf('messages{queue="outgoing"}'), 0);
  assert.equal(gaugeOf('oldest_age_seconds{queue="outgoing"}'), 0);
});

test('a folder that does not answer keeps nobody waiting', async () => {
  const { gauges, gaugeOf } = gaugesOf(async function* () {
    await new Promise((_resolve, reject) => setTimeout(reject, 60_000).unref());
    yield* idsOf();
  });
  await gauges.collect();
  assert.equal(gaugeOf('messages{queue="outgoing"}'), undefined);
  assert.equal(gaugeOf('jobs{state="running"}'), 1);
});
