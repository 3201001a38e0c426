import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type HealthServer, serveHealth } from '@sallyport/ipc';
import { createLogger, Metrics } from '@sallyport/log';
import { Alerts } from './alerts.ts';
import { Collector } from './collect.ts';
import { ProcessHistory } from './conditions.ts';
import { KnownEnds } from './known-ends.ts';
import type { AlertChannel } from './message.ts';
import { StateFile } from './state-file.ts';

const DAY_MS = 86_400_000;
let folder = '';
let recorder: HealthServer;
let now = Date.parse('2026-03-01T12:00:00Z');
const clock = { now: () => new Date(now) };
const logged: string[] = [];
const write = (line: string): void => void logged.push(line);
const logger = createLogger({ service: 'test', now: clock.now, write });
const stack: { close(): void }[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alerts-'));
  const check = () => ({ ok: false, sentence: 'the disk is full' });
  const metrics = new Metrics('recorder');
  recorder = await serveHealth({ path: join(folder, 'recorder.sock'), logger, metrics, check });
});
after(async () => {
  for (const one of stack) one.close();
  await recorder.close();
  await rm(folder, { recursive: true });
});

function channel(
  name: AlertChannel['name'],
  send: () => Promise<void>,
): AlertChannel & { told: number } {
  const made = {
    name,
    told: 0,
    send: async () => {
      await send();
      made.told += 1;
    },
  };
  return made;
}

async function alertsTo(
  channels: readonly AlertChannel[],
  places: { readonly stateFolder: string; readonly policyFolder?: string },
): Promise<Alerts> {
  const roles = [{ role: 'recorder' as const, socket: join(folder, 'recorder.sock') }];
  const history = new ProcessHistory();
  const collector = new Collector(roles, (reports) => void history.observe(reports, clock.now()));
  stack.push(collector);
  const ends = new KnownEnds({
    ...{ collector, roles: ['recorder'], clock, logger },
    policyFolder: places.policyFolder ?? join(folder, 'no-policy'),
    crlFile: join(folder, 'no.crl'),
  });
  return await Alerts.open({
    ...{ channels, collector, history, ends, clock, logger },
    options: {
      ...{ mail: null, webhook: null, queueAgeMs: 1, expiryDays: 30, everyMs: 1 },
      ...{ downAfterMs: 1_000, repeatAfterMs: DAY_MS },
    },
    file: new StateFile(places.stateFolder),
    gatewayName: 'gw.acme.example',
    metrics: new Metrics('monitor'),
  });
}

test('a disk that takes no state keeps nobody from being told, and nobody is told twice', async () => {
  const [mail, hook] = [channel('mail', async () => {}), channel('webhook', async () => {})];
  const alerts = await alertsTo([mail, hook], { stateFolder: join(folder, 'gone') });
  await alerts.look();
  now += 2_000;
  await alerts.look();
  assert.deepEqual([mail.told, hook.told], [1, 1]);
  await alerts.look();
  assert.deepEqual([mail.told, hook.told], [1, 1]);
  const failures = logged.filter((line) => line.includes('alerts.state-not-written'));
  assert.equal(failures.length, 1, 'said once, not with every look');
  assert.doesNotMatch(logged.join(''), /look-failed/);
});

test('a channel that drags its feet keeps no other waiting', async () => {
  const held = Promise.withResolvers<void>();
  const slow = channel('mail', () => held.promise);
  const hook = channel('webhook', async () => {});
  const alerts = await alertsTo([slow, hook], { stateFolder: folder });
  await alerts.look();
  now += 2_000;
  const looking = alerts.look();
  while (hook.told === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(slow.told, 0);
  held.resolve();
  await looking;
  assert.equal(slow.told, 1);
});

test('a policy folder that is none takes no other alert away', async () => {
  const hook = channel('webhook', async () => {});
  const policyFolder = join(folder, 'recorder.sock');
  const alerts = await alertsTo([hook], { stateFolder: join(folder, 'gone'), policyFolder });
  await alerts.look();
  now += 2_000;
  await alerts.look();
  assert.equal(hook.told, 1);
});
