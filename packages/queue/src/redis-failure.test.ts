import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { newQueueId, type QueueId, systemClock } from '@sallyport/mail';
import { Redis } from 'ioredis';
import { BACK_OFF, Bench, type Driver, done, logTo } from './owner-bench.test-peer.ts';
import { createRedisSchedule } from './redis.ts';
import { REDIS_MISSING, type RedisServer, startRedis } from './redis-server.test-peer.ts';

const STALLED_MS = 1_000;

function driverOf(url: string, name: string): Driver {
  const lines: string[] = [];
  const options = { url, name, clock: systemClock, surpriseBackOff: BACK_OFF };
  const logger = logTo(lines);
  return {
    lines,
    open: () => createRedisSchedule({ ...options, logger, stalledIntervalMs: STALLED_MS }),
  };
}

/** A worker that takes one job and never ends; its parent kills it. */
async function takeAndHang(url = '', name = ''): Promise<void> {
  const schedule = driverOf(url, name).open();
  schedule.start(
    (job) => {
      process.stdout.write(`${job.id}\n`);
      return new Promise(() => undefined);
    },
    { concurrency: 1 },
  );
  await new Promise(() => setInterval(() => undefined, 60_000));
}

if (process.argv[2] === 'hang') await takeAndHang(...process.argv.slice(3));

describe('redis schedule when things break', { skip: REDIS_MISSING, timeout: 60_000 }, () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  test('an emptied Redis loses hints only: the scan restores them and nothing runs twice at once', async () => {
    const driver = driverOf(server.url, 'flush');
    await using bench = new Bench(driver);
    const running = await bench.put(0, 'a.example');
    const later = await bench.put(3_600_000, 'a.example');
    const stopped = await bench.put(0, 'stopped.example');
    await bench.schedule.pause('stopped.example');
    const gate = Promise.withResolvers<void>();
    const handler = bench.handler(async (job, run) => {
      if (job.id !== running || run > 1) return done();
      await gate.promise;
      return { kind: 'again', at: new Date(Date.now() + 300) };
    });
    bench.schedule.start(handler, { concurrency: 5 });
    await bench.until(() => bench.active.length === 1);

    const client = new Redis(server.url);
    await client.flushall();
    client.disconnect();
    assert.equal(await bench.rescan(), 2, 'the one that runs is not missing');
    // Another host does not know what runs here, and makes the hint anew.
    const other = driver.open();
    await other.add({ id: running, dueAt: new Date(), destination: 'a.example' });
    const sentinel = await bench.put(50, null);
    await bench.until(() => bench.runsOf(sentinel).length === 1);
    assert.equal(bench.runsOf(running).length, 1);

    gate.resolve();
    await bench.schedule.wake(later);
    await bench.until(() => bench.runsOf(running).length === 2 && bench.runsOf(later).length === 1);
    assert.equal(bench.runsOf(stopped).length, 0, 'the pause outlives the emptying');
    await bench.schedule.resume('stopped.example');
    await bench.until(() => bench.runsOf(stopped).length === 1);
    await other.close();
  });

  test('a pause outlives the restart of the owner and holds for other hosts', async () => {
    const driver = driverOf(server.url, 'pause');
    await using bench = new Bench(driver);
    await bench.schedule.pause('stopped.example');
    const stopped = await bench.put(0, 'stopped.example');
    await bench.restart();
    bench.schedule.start(bench.handler(done), { concurrency: 5 });
    const sentinel = await bench.put(50, null);
    await bench.until(() => bench.runsOf(sentinel).length === 1);
    assert.equal(bench.runsOf(stopped).length, 0);
    const other = driver.open();
    assert.deepEqual(await other.paused(), ['stopped.example']);
    await other.resume('stopped.example');
    await bench.until(() => bench.runsOf(stopped).length === 1);
    await other.close();
  });

  test('what a killed worker had taken is taken over by another', async () => {
    await using bench = new Bench(driverOf(server.url, 'stall'));
    const id = await bench.put(0);
    const args = [import.meta.filename, 'hang', server.url, 'stall'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(line.toString().trim(), id);
    child.kill('SIGKILL');
    await once(child, 'exit');
    bench.schedule.start(bench.handler(done), { concurrency: 1 });
    await bench.until(() => bench.runsOf(id).length === 1);
  });

  test('a Redis that is killed and started again keeps every acknowledged hint', async () => {
    await using own = await startRedis();
    await using bench = new Bench(driverOf(own.url, 'kill'));
    const gate = Promise.withResolvers<void>();
    const handler = bench.handler(async (_job, run) => {
      if (run === 1) await gate.promise;
      return done();
    });
    const acknowledged: QueueId[] = [];
    for (let i = 0; i < 30; i += 1) acknowledged.push(await bench.put(0));
    bench.schedule.start(handler, { concurrency: 3 });
    await bench.until(() => bench.active.length === 3);
    await own.kill();
    const lost = newQueueId(new Date());
    await assert.rejects(
      bench.schedule.add({ id: lost, dueAt: new Date(), destination: null }),
      'a producer is told in the end, not left hanging',
    );
    await own.restart();
    gate.resolve();
    await bench.until(() => acknowledged.every((id) => bench.runsOf(id).length >= 1));
    assert.equal(await bench.schedule.missing([lost]).then((ids) => ids.length), 1);
  });
});
