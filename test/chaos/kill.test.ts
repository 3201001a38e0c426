import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runKillSuite } from './kill-suite.ts';

test('RFC 5321 4.2.5: 100 kills by SIGKILL lose no accepted message, put none in clear, double only what is in flight', {
  timeout: 1_200_000,
}, async (context) => {
  const found = await runKillSuite(context, { kills: 100, endsWithHosts: false });
  assert.equal(found.kills.length, 100);
  assert.deepEqual(found.lost, [], 'accepted messages that were lost');
  assert.deepEqual(found.unexplainedCopies, []);
  assert.deepEqual(found.flowFaults, []);
  assert.deepEqual(found.endedByThemselves, []);
  assert.deepEqual(found.complaints, []);
  assert.deepEqual(found.leftInSpools, []);
});
