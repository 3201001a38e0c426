import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { newQueueId, type QueueId, systemClock } from '@sallyport/mail';
import fc from 'fast-check';
import { DueHeap } from './due-heap.ts';
import { createEmbeddedSchedule } from './index.ts';
import { IN_HEAP, JobTable } from './job-table.ts';
import { Bench, done, logTo } from './owner-bench.test-peer.ts';
import { packHalf, unpackId } from './packed-id.ts';

const NOW = new Date('2026-11-21T10:00:00Z');
const HOUR_MS = 3_600_000;

test('a queue id survives its packing, the largest one too', () => {
  const ids = [
    newQueueId(NOW),
    'zzzzzzzzzzzzzzzzzzzz',
    '00000000000000000000',
    '0123456789abcdefghjk',
  ];
  for (const id of ids as QueueId[]) assert.equal(unpackId(packHalf(id, 0), packHalf(id, 1)), id);
});

test('the table agrees with a map, the heap with a sort, through any order of calls', () => {
  const ids = Array.from({ length: 40 }, () => newQueueId(NOW));
  const step = fc.record({
    id: fc.constantFrom(...ids),
    dueAt: fc.nat(20),
    kind: fc.constantFrom('put', 'put', 'put', 'delete', 'change'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new JobTable(10_000);
      const heap = new DueHeap(table);
      const model = new Map<QueueId, number>();
      for (const { id, dueAt, kind } of steps) {
        let slot = table.find(id);
        assert.equal(slot !== -1, model.has(id));
        if (kind === 'put' && slot === -1) {
          slot = table.insert(id);
          table.setDueAt(slot, dueAt);
          heap.push(slot);
          model.set(id, dueAt);
        } else if (kind === 'delete' && slot !== -1) {
          heap.remove(slot);
          table.delete(slot);
          model.delete(id);
        } else if (kind === 'change' && slot !== -1) {
          table.setDueAt(slot, dueAt);
          heap.update(slot);
          model.set(id, dueAt);
        }
        const earliest = heap.top() === -1 ? Infinity : table.dueAt(heap.top());
        assert.equal(earliest, Math.min(...model.values()));
      }
      assert.equal(table.size, model.size);
      const drained: number[] = [];
      while (heap.top() !== -1) {
        const slot = heap.top();
        assert.equal(table.state(slot), IN_HEAP);
        assert.equal(table.dueAt(slot), model.get(table.idOf(slot)));
        drained.push(table.dueAt(slot));
        heap.remove(slot);
        table.delete(slot);
      }
      assert.deepEqual(
        drained,
        [...model.values()].sort((a, b) => a - b),
      );
    }),
  );
});

test('new mail finds room in a full schedule, and the scan finds what had to make room', async () => {
  const lines: string[] = [];
  const options = { clock: systemClock, logger: logTo(lines), maxJobs: 20 };
  await using bench = new Bench({ lines, open: () => createEmbeddedSchedule(options) });
  for (let i = 0; i < 30; i += 1) await bench.put(HOUR_MS);
  assert.equal((await bench.schedule.counts()).waiting, 20);
  const fresh = [];
  for (let i = 0; i < 15; i += 1) fresh.push(await bench.put(0));
  assert.equal((await bench.schedule.counts()).waiting, 20);
  assert.deepEqual(await bench.schedule.missing(fresh), []);
  bench.schedule.start(bench.handler(done), { concurrency: 5 });
  await bench.until(() => bench.runs.length === 15 && bench.active.length === 0);
  assert.equal(await bench.rescan(), 25);
  assert.equal((await bench.schedule.counts()).waiting, 20);
  assert.equal(lines.filter((line) => line.includes('schedule.full')).length, 2);
});

test('a clock that jumps ahead makes jobs due within a second', async () => {
  let now = NOW;
  const lines: string[] = [];
  const options = { clock: { now: () => now }, logger: logTo(lines), maxJobs: 20 };
  await using bench = new Bench({ lines, open: () => createEmbeddedSchedule(options) });
  const dueAt = new Date(NOW.getTime() + HOUR_MS);
  await bench.schedule.add({ id: newQueueId(NOW), dueAt: NOW, destination: null });
  await bench.schedule.add({ id: newQueueId(NOW), dueAt, destination: null });
  bench.schedule.start(bench.handler(done), { concurrency: 1 });
  await bench.until(() => bench.runs.length === 1 && bench.active.length === 0);
  // After a turn of the loop nothing but the sleep itself can look at the clock again.
  await new Promise((resolve) => setTimeout(resolve, 5));
  now = dueAt;
  await bench.until(() => bench.runs.length === 2);
});

test('destinations that were paused at the last run stay so', async () => {
  const lines: string[] = [];
  const options = { clock: systemClock, logger: logTo(lines), maxJobs: 20, paused: ['a.example'] };
  await using bench = new Bench({ lines, open: () => createEmbeddedSchedule(options) });
  await bench.put(0, 'a.example');
  bench.schedule.start(bench.handler(done), { concurrency: 1 });
  const other = await bench.put(20, 'b.example');
  await bench.until(() => bench.runsOf(other).length === 1);
  assert.equal(bench.runs.length, 1);
  await bench.schedule.resume('a.example');
  await bench.until(() => bench.runs.length === 2);
});

test('jobs that stand in line for a busy destination can be removed one by one', async () => {
  const lines: string[] = [];
  const options = { clock: systemClock, logger: logTo(lines), maxJobs: 20 };
  await using bench = new Bench({ lines, open: () => createEmbeddedSchedule(options) });
  const ids = [];
  for (let i = 0; i < 6; i += 1) ids.push(await bench.put(i - 10, 'a.example'));
  const gate = Promise.withResolvers<void>();
  const handler = bench.handler(async () => {
    await gate.promise;
    return done();
  });
  bench.schedule.start(handler, { concurrency: 10, perDestination: { concurrency: 1 } });
  await bench.until(() => bench.active.length === 1);
  const started = bench.active[0]?.id;
  const line = ids.filter((id) => id !== started);
  const [first, , middle, , last] = line;
  for (const id of [middle, first, last]) if (id !== undefined) await bench.schedule.remove(id);
  const behind = await bench.put(0, 'a.example');
  gate.resolve();
  await bench.until(() => bench.runsOf(behind).length === 1 && bench.active.length === 0);
  const ran = new Set(bench.runs.map((run) => run.job.id));
  assert.deepEqual(
    line.map((id) => ran.has(id)),
    [false, true, false, true, false],
  );
  assert.equal((await bench.schedule.counts()).waiting, 0);
});

test('200,000 waiting jobs take less than 100 bytes each', async () => {
  const schedule = createEmbeddedSchedule({
    clock: systemClock,
    logger: logTo([]),
    maxJobs: 1_000_000,
  });
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = async (): Promise<number> => {
    // What growing left behind is not the schedule's any more; buffers are let go beside the program.
    collect();
    await setImmediate();
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = await used();
  for (let i = 0; i < 200_000; i += 1) {
    const id = newQueueId(NOW);
    await schedule.add({ id, dueAt: NOW, destination: `d${i % 100}.example` });
  }
  const each = ((await used()) - before) / 200_000;
  assert.ok(each < 100, `${each} bytes each`);
  await schedule.close();
});

test('what comes due at the same moment goes in order of age, also when it waited in line', async () => {
  const clock = { ms: Date.parse('2026-11-21T08:00:00Z'), now: () => new Date(clock.ms) };
  const options = { clock: { ...clock, lookAgainMs: 5, now: () => new Date(clock.ms) } };
  const schedule = createEmbeddedSchedule({ ...options, logger: logTo([]), maxJobs: 50 });
  const dueAt = new Date(clock.ms + 3_600_000);
  const ids = Array.from({ length: 20 }, (_, age) => newQueueId(new Date(clock.ms - age * 1_000)));
  for (const id of ids.toSorted((a, b) => a.slice(12).localeCompare(b.slice(12)))) {
    await schedule.add({ id, dueAt, destination: 'bravo.example' });
  }
  const ran: QueueId[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  schedule.start(
    async ({ id }) => {
      ran.push(id);
      if (ran.length === ids.length) resolve();
      return { kind: 'done' };
    },
    { concurrency: 5, perDestination: () => ({ concurrency: 1 }) },
  );
  clock.ms += 2 * 3_600_000;
  await promise;
  await schedule.close();
  assert.deepEqual(ran, ids.toReversed());
});
