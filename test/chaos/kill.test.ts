import { test } from 'node:test';
import { assertSurvivesKills } from './kill-suite.ts';

test('RFC 5321 4.2.5: 100 kills by SIGKILL lose no accepted message, put none in clear, double only what is in flight', {
  timeout: 1_200_000,
}, async (context) => {
  await assertSurvivesKills(context, { kills: 100, endsWithHosts: false });
});
