import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '@sallyport/log';
import { type QueueId, systemClock } from '@sallyport/mail';
import { createEmbeddedSchedule } from '@sallyport/queue';
import { startScriptedServer } from '../../../packages/transport/src/test-support/scripted-server.ts';
import { deliver } from './deliver.ts';
import { bench, START, TEXT } from './testing.ts';

const DEAD_MESSAGES = 300;
const LIVING_MESSAGES = 60;
const AT_ONCE = 8;
const PER_DESTINATION = 4;
const logger = createLogger({ service: 'test', now: () => START, write: () => {} });

/** Counts what a partner whose server takes connections and never says a word costs the others. */
test('a dead partner with five times the mail slows nobody: a few connections, then none', async (t) => {
  const dead = await startScriptedServer({ greeting: '' });
  const living = await startScriptedServer({});
  const world = await bench([], { level: 'may' });
  t.after(async () => {
    await world[Symbol.asyncDispose]();
    await dead[Symbol.asyncDispose]();
    await living[Symbol.asyncDispose]();
  });
  const ports = {
    ...world.ports,
    routes: {
      ...world.ports.routes,
      locate: async (domain: string) => {
        const tlsRule = { level: 'may' } as const;
        const { port } = domain === 'dead.example' ? dead : living;
        const hop = { host: domain, address: '127.0.0.1', port, tlsRule, nexthopDomain: domain };
        const hops = [{ ...hop, hostSource: 'configured' }] as const;
        const route = { kind: 'hops', hops: [hops[0]], via: 'mx' } as const;
        return { route, tlsRule, rule: 'default', policyVersion: 1 };
      },
    },
  };
  const ids: { id: QueueId; destination: string }[] = [];
  const put = async (destination: string): Promise<void> => {
    const { id } = await world.put(TEXT, { forwardPaths: [{ path: `bob@${destination}` }] });
    ids.push({ id, destination });
  };
  for (let at = 0; at < DEAD_MESSAGES; at += 1) await put('dead.example');
  for (let at = 0; at < LIVING_MESSAGES; at += 1) await put('living.example');
  const schedule = createEmbeddedSchedule({ clock: systemClock, logger, maxJobs: 1_000 });
  const tries = new Map<string, number>();
  const { promise: allThere, resolve } = Promise.withResolvers<void>();
  let attempted = 0;
  schedule.start(
    async ({ id, destination }) => {
      const outcome = await deliver(id, ports);
      tries.set(destination ?? '', (tries.get(destination ?? '') ?? 0) + 1);
      attempted += 1;
      if (attempted === ids.length) resolve();
      // The clock of this world stands: whoever waits, waits.
      return outcome.kind === 'done' ? outcome : { kind: 'again', at: new Date(Date.now() + 1e9) };
    },
    {
      concurrency: AT_ONCE,
      perDestination: (name) => ({
        concurrency: ports.destinations.concurrencyOf(name, PER_DESTINATION),
      }),
    },
  );
  for (const job of ids) await schedule.add({ ...job, dueAt: new Date(0) });
  await allThere;
  await schedule.close();
  assert.equal(living.messages.length, LIVING_MESSAGES);
  assert.equal(tries.get('dead.example'), DEAD_MESSAGES, 'each was looked at');
  assert.ok(dead.connections() <= PER_DESTINATION, `${dead.connections()} connections`);
  const deferred = world.events.filter(({ kind }) => kind === 'deferred');
  assert.equal(deferred.length, DEAD_MESSAGES, 'each of its authors can be told why it waits');
});
