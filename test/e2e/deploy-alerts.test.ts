import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { METRIC_SERVERS, Metrics } from '@sallyport/log';
import { formatExposition } from '../../services/monitor/src/exposition.ts';
import { DEPLOY } from '../harness/deploy.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { run } from '../harness/process.ts';

const RULES = join(DEPLOY, 'prometheus/sallyport-alerts.yml');
const TESTS = join(DEPLOY, 'prometheus/sallyport-alerts.test.yml');

describe('what Prometheus gets', { skip: skipWithout('prometheus') }, () => {
  test('promtool takes the rules, and not with a mistake in them', async () => {
    const checked = await run('promtool', ['check', 'rules', RULES]);
    assert.equal(checked.code, 0, checked.stderr + String(checked.stdout));
    await using folder = await temporaryFolder('rules');
    const broken = join(folder.path, 'broken.yml');
    await writeFile(broken, (await readFile(RULES, 'utf8')).replace('increase(', 'increase(('));
    assert.notEqual((await run('promtool', ['check', 'rules', broken])).code, 0);
  });

  test('the rules raise what they should, and are silent otherwise', async () => {
    const tested = await run('promtool', ['test', 'rules', TESTS]);
    assert.equal(tested.code, 0, tested.stderr + String(tested.stdout));
    await using folder = await temporaryFolder('rules');
    await cp(join(DEPLOY, 'prometheus'), folder.path, { recursive: true });
    const copy = join(folder.path, 'sallyport-alerts.yml');
    await writeFile(copy, (await readFile(copy, 'utf8')).replace('>= 30', '> 30'));
    const deaf = await run('promtool', [
      'test',
      'rules',
      join(folder.path, 'sallyport-alerts.test.yml'),
    ]);
    assert.notEqual(deaf.code, 0);
    assert.match(String(deaf.stdout) + deaf.stderr, /SallyportVerdictsSlow/);
  });

  test('promtool has nothing to say of the names and the format of any metric', async () => {
    const exposed = METRIC_SERVERS.map((role) => {
      const metrics = new Metrics(role);
      metrics.set('sallyport_process_start_time_seconds', {}, 1_770_000_000.5);
      return { role, samples: metrics.samples() };
    });
    const input = formatExposition(exposed);
    const checked = await run('promtool', ['check', 'metrics'], { input });
    assert.equal(checked.stderr + String(checked.stdout), '');
    assert.equal(checked.code, 0);
    const wrong = await run('promtool', ['check', 'metrics'], { input: 'x_total{ 1\n' });
    assert.notEqual(wrong.code, 0);
  });
});
