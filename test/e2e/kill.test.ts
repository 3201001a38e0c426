import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNoCanaryOnDisk, assertNothingInClear } from '../chaos/checks.ts';
import { assertSurvivesKills } from '../chaos/kill-suite.ts';
import { MailFlow } from '../chaos/mail-flow.ts';
import { queueFiles, startPair } from '../chaos/pair.ts';
import { waitFor } from '../harness/wait.ts';

const WAITING = 4;

test('the body of a message is in no file of either gateway while it waits and after delivery', {
  timeout: 120_000,
}, async () => {
  await using pair = await startPair();
  const flow = new MailFlow(pair);
  for (const tap of pair.taps) await tap.close();
  for (const site of [0, 1] as const) {
    for (let at = 0; at < WAITING; at += 1) await flow.send(site, { isLong: at % 2 === 1 });
  }
  await waitFor(
    async () => {
      const files = await Promise.all(pair.gateways.map((gateway) => queueFiles(gateway)));
      return files.flat().filter((name) => name.startsWith('outgoing/')).length === 2 * WAITING;
    },
    { what: 'protected messages that wait for the partner' },
  );
  assert.ok((await assertNoCanaryOnDisk(pair, 'while messages wait')) > 50);
  for (const tap of pair.taps) await tap.open();
  await waitFor(
    async () => {
      await flow.collect();
      return flow.missing().length === 0;
    },
    { what: 'all messages at their inner MTA', timeoutMs: 30_000 },
  );
  assert.deepEqual(flow.faults, []);
  assertNothingInClear(pair);
  await assertNoCanaryOnDisk(pair, 'after delivery');
});

test('RFC 5321 4.2.5: 20 kills by SIGKILL lose no accepted message, put none in clear, double only what is in flight', {
  timeout: 280_000,
}, async (context) => {
  await assertSurvivesKills(context, { kills: 20, endsWithHosts: true });
});
