import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { newQueueId, systemClock } from '@sallyport/mail';
import { createEmbeddedSchedule } from './index.ts';
import { BACK_OFF, Bench, type Driver, done, logTo } from './owner-bench.test-peer.ts';
import { createRedisSchedule } from './redis.ts';
import { REDIS_MISSING, type RedisServer, startRedis } from './redis-server.test-peer.ts';

const HOUR_MS = 3_600_000;
const DEADLINE_MS = 60_000;

/** What both drivers promise. `makeDriver` gives an empty one each time. */
function scheduleContract(makeDriver: () => Driver): void {
  test('a job that is added twice runs once, at its first due time', async () => {
    await using bench = new Bench(makeDriver());
    const id = await bench.put(80);
    const dueAt = bench.spool.get(id)?.dueAt.getTime() ?? Infinity;
    await bench.schedule.add({ id, dueAt: new Date(0), destination: null });
    bench.schedule.start(bench.handler(done), { concurrency: 2 });
    await bench.until(() => bench.runs.length === 1);
    const last = await bench.put(50);
    await bench.until(() => bench.runsOf(last).length === 1);
    assert.equal(bench.runsOf(id).length, 1);
    assert.ok((bench.runsOf(id)[0] ?? 0) >= dueAt - 2);
  });

  test('jobs run in the order they fall due', async () => {
    await using bench = new Bench(makeDriver());
    const ids = [await bench.put(240), await bench.put(80), await bench.put(160)];
    bench.schedule.start(bench.handler(done), { concurrency: 1 });
    await bench.until(() => bench.runs.length === 3);
    assert.deepEqual(
      bench.runs.map((run) => ids.indexOf(run.job.id)),
      [1, 2, 0],
    );
  });

  test('a job that defers runs again at the time it named, with its new destination', async () => {
    await using bench = new Bench(makeDriver());
    const at = new Date(Date.now() + 150);
    const id = await bench.put(0, 'a.example');
    bench.schedule.start(
      bench.handler((_job, run) =>
        run === 1 ? { kind: 'again', at, destination: 'b.example' } : done(),
      ),
      { concurrency: 2 },
    );
    await bench.until(() => bench.runsOf(id).length === 2);
    assert.ok((bench.runsOf(id)[1] ?? 0) >= at.getTime() - 2);
    assert.equal(bench.runs[1]?.job.destination, 'b.example');
    assert.equal(bench.runs[1]?.job.dueAt.getTime(), at.getTime());
  });

  test('a handler that throws is logged and tried again with growing back-off', async () => {
    await using bench = new Bench(makeDriver());
    const id = await bench.put(0);
    const handler = bench.handler((_job, run) => {
      if (run <= 2) throw new Error('disk on fire');
      return done();
    });
    bench.schedule.start(handler, { concurrency: 1 });
    await bench.until(() => bench.runsOf(id).length === 3);
    const [first = 0, second = 0, third = 0] = bench.runsOf(id);
    assert.ok(second - first >= BACK_OFF.firstMs - 2, `${second - first} ms`);
    assert.ok(third - second >= 2 * BACK_OFF.firstMs - 2, `${third - second} ms`);
    const surprises = bench.lines.filter((line) => line.includes('job.surprised'));
    assert.equal(surprises.length, 2);
    assert.match(surprises[0] ?? '', /disk on fire/);
    assert.match(surprises[0] ?? '', new RegExp(id));
  });

  test('no more handlers run at once than the concurrency', async () => {
    await using bench = new Bench(makeDriver());
    const gate = Promise.withResolvers<void>();
    for (let i = 0; i < 12; i += 1) await bench.put(0);
    const handler = bench.handler(async () => {
      await gate.promise;
      return done();
    });
    bench.schedule.start(handler, { concurrency: 3 });
    await bench.until(() => bench.active.length === 3);
    assert.equal((await bench.schedule.counts()).running, 3);
    gate.resolve();
    await bench.until(() => bench.runs.length === 12);
    assert.equal(bench.mostActive, 3);
  });

  test('a slow destination takes its own slots only, and gives them back', async () => {
    await using bench = new Bench(makeDriver());
    const gate = Promise.withResolvers<void>();
    for (let i = 0; i < 8; i += 1) await bench.put(0, 'slow.example');
    const quick = [await bench.put(20, 'quick.example'), await bench.put(20, null)];
    let slow = 0;
    let mostSlow = 0;
    const handler = bench.handler(async (job) => {
      if (job.destination !== 'slow.example') return done();
      slow += 1;
      mostSlow = Math.max(mostSlow, slow);
      await gate.promise;
      slow -= 1;
      return done();
    });
    bench.schedule.start(handler, { concurrency: 4, perDestination: { concurrency: 2 } });
    await bench.until(() => quick.every((id) => bench.runsOf(id).length === 1));
    await bench.until(() => slow === 2);
    gate.resolve();
    await bench.until(() => bench.runs.length === 10 && bench.active.length === 0);
    assert.equal(mostSlow, 2);
  });

  test('a destination starts no faster than its rate', async () => {
    await using bench = new Bench(makeDriver());
    for (let i = 0; i < 5; i += 1) await bench.put(0, 'a.example');
    const perDestination = { concurrency: 5, rate: { count: 2, perMs: 100 } };
    bench.schedule.start(bench.handler(done), { concurrency: 5, perDestination });
    await bench.until(() => bench.runs.length === 5);
    const times = bench.runs.map((run) => run.at);
    // A start may be noted late on a busy machine, so single gaps get more room than the whole.
    for (let i = 1; i < times.length; i += 1) {
      assert.ok((times[i] ?? 0) - (times[i - 1] ?? 0) >= 25, times.join(' '));
    }
    assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) >= 175, times.join(' '));
  });

  test('a paused destination starts nothing until it is resumed, others go on', async () => {
    await using bench = new Bench(makeDriver());
    await bench.schedule.pause('stopped.example');
    const stopped = [await bench.put(0, 'stopped.example'), await bench.put(0, 'stopped.example')];
    bench.schedule.start(bench.handler(done), { concurrency: 4 });
    const other = await bench.put(50, 'other.example');
    await bench.until(() => bench.runsOf(other).length === 1);
    assert.equal(bench.runs.length, 1);
    assert.deepEqual(await bench.schedule.paused(), ['stopped.example']);
    const views = await bench.schedule.snapshot();
    const states = stopped.map((id) => views.find((view) => view.id === id)?.state);
    assert.deepEqual(states, ['paused', 'paused']);
    await bench.schedule.resume('stopped.example');
    await bench.until(() => bench.runs.length === 3);
    assert.deepEqual(await bench.schedule.paused(), []);
  });

  test('a removed job never runs, and one that runs is not tried again', async () => {
    await using bench = new Bench(makeDriver());
    const waiting = await bench.put(60);
    await bench.schedule.remove(waiting);
    const running = await bench.put(0);
    const gate = Promise.withResolvers<void>();
    const handler = bench.handler(async (job) => {
      if (job.id !== running) return done();
      await gate.promise;
      return { kind: 'again', at: new Date() };
    });
    bench.schedule.start(handler, { concurrency: 2 });
    await bench.until(() => bench.runsOf(running).length === 1);
    await bench.schedule.remove(running);
    await bench.schedule.remove(newQueueId(new Date()));
    gate.resolve();
    const last = await bench.put(120);
    await bench.until(() => bench.runsOf(last).length === 1);
    assert.deepEqual([bench.runsOf(waiting).length, bench.runsOf(running).length], [0, 1]);
    assert.deepEqual(await bench.schedule.missing([waiting, running]), [waiting, running]);
  });

  test('a woken job runs at once, also when it was just being deferred', async () => {
    await using bench = new Bench(makeDriver());
    const id = await bench.put(HOUR_MS, 'a.example');
    const gate = Promise.withResolvers<void>();
    const handler = bench.handler(async (_job, run) => {
      if (run > 1) return done();
      await gate.promise;
      return { kind: 'again', at: new Date(Date.now() + HOUR_MS) };
    });
    bench.schedule.start(handler, { concurrency: 2 });
    await bench.schedule.wake(id);
    await bench.until(() => bench.runsOf(id).length === 1);
    await bench.schedule.wake(id);
    await bench.schedule.wake(newQueueId(new Date()));
    gate.resolve();
    await bench.until(() => bench.runsOf(id).length === 2);
  });

  test('rescheduling makes a job due earlier, never later, and adds one that is not there', async () => {
    await using bench = new Bench(makeDriver());
    const dueAt = (ms: number): Date => new Date(Date.now() + ms);
    const early = await bench.put(HOUR_MS);
    const late = await bench.put(60);
    const fresh = newQueueId(new Date());
    await bench.schedule.reschedule({ id: early, dueAt: dueAt(30), destination: null });
    await bench.schedule.reschedule({ id: late, dueAt: dueAt(HOUR_MS), destination: null });
    await bench.schedule.reschedule({ id: fresh, dueAt: dueAt(90), destination: null });
    bench.schedule.start(bench.handler(done), { concurrency: 1 });
    await bench.until(() => bench.runs.length === 3);
    assert.deepEqual(
      bench.runs.map((run) => run.job.id),
      [early, late, fresh],
    );
  });

  test('a snapshot is bounded and shows what is next', async () => {
    await using bench = new Bench(makeDriver());
    const ids = [];
    for (let i = 0; i < 5; i += 1) ids.push(await bench.put(HOUR_MS + i * 1_000, 'a.example'));
    const views = await bench.schedule.snapshot(3);
    assert.equal(views.length, 3);
    assert.equal(views[0]?.id, ids[0]);
    assert.equal(views[0]?.state, 'scheduled');
    assert.equal(views[0]?.destination, 'a.example');
    assert.deepEqual(await bench.schedule.counts(), { waiting: 5, running: 0 });
    const unknown = newQueueId(new Date());
    assert.deepEqual(await bench.schedule.missing([...ids, unknown]), [unknown]);
  });

  test('close waits for the handlers that run and starts no other', async () => {
    await using bench = new Bench(makeDriver());
    await bench.put(0);
    await bench.put(30);
    const gate = Promise.withResolvers<void>();
    const handler = bench.handler(async () => {
      await gate.promise;
      return done();
    });
    bench.schedule.start(handler, { concurrency: 1 });
    assert.throws(() => bench.schedule.start(handler, { concurrency: 1 }), /started before/);
    await bench.until(() => bench.active.length === 1);
    let isClosed = false;
    const closed = bench.schedule.close().then(() => {
      isClosed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isClosed, false);
    gate.resolve();
    await closed;
    assert.equal(bench.runs.length, 1);
  });

  test('after a restart and the scan of the spool every job runs, and none twice', async () => {
    await using bench = new Bench(makeDriver());
    const first = await bench.put(0);
    const others = [await bench.put(120), await bench.put(150, 'a.example')];
    bench.schedule.start(bench.handler(done), { concurrency: 2 });
    await bench.until(() => bench.runsOf(first).length === 1);
    await bench.restart();
    await bench.rescan();
    assert.equal(await bench.rescan(), 0);
    bench.schedule.start(bench.handler(done), { concurrency: 2 });
    await bench.until(() => others.every((id) => bench.runsOf(id).length > 0));
    assert.equal(bench.runs.length, 3);
  });
}

describe('embedded schedule', { timeout: DEADLINE_MS }, () => {
  scheduleContract(() => {
    const lines: string[] = [];
    const logger = logTo(lines);
    const options = { clock: systemClock, logger, maxJobs: 1_000, surpriseBackOff: BACK_OFF };
    return { lines, open: () => createEmbeddedSchedule(options) };
  });
});

describe('redis schedule', { skip: REDIS_MISSING, timeout: DEADLINE_MS }, () => {
  let server: RedisServer;
  let count = 0;
  before(async () => {
    server = await startRedis();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });
  scheduleContract(() => {
    const lines: string[] = [];
    count += 1;
    const name = `contract-${count}`;
    const logger = logTo(lines);
    const options = { name, clock: systemClock, logger, surpriseBackOff: BACK_OFF };
    return { lines, open: () => createRedisSchedule({ ...options, url: server.url }) };
  });
});
