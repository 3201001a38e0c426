import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { createLogger } from '@sallyport/log';
import { Supervisor } from './supervisor.ts';

test('a process is started again, also when its options could not be written for a while', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-supervisor-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const module = join(folder, 'peer.mjs');
  writeFileSync(module, "process.send('ready'); process.on('disconnect', () => process.exit());");
  const lines: string[] = [];
  const supervisor = new Supervisor({
    runtime: join(folder, 'run'),
    logger: createLogger({
      service: 'test',
      now: () => new Date(),
      write: (line) => lines.push(line),
    }),
    logFile: join(folder, 'log'),
  });
  t.after(() => supervisor.stop());
  const spec = { name: 'peer', options: {}, readable: [folder], writable: [] };
  await supervisor.start([{ ...spec, module: pathToFileURL(module).href }]);
  const first = supervisor.processIds().get('peer');
  assert.ok(first !== undefined, readFileSync(join(folder, 'log'), 'utf8'));

  // A file where the folder was: as with a full disk, nothing can be written there.
  const options = join(folder, 'run', 'options');
  renameSync(options, `${options}.away`);
  writeFileSync(options, '');
  process.kill(first, 'SIGKILL');
  await until(() => lines.some((line) => line.includes('process.not-started')));
  rmSync(options);
  mkdirSync(options);
  await until(() => (supervisor.processIds().get('peer') ?? first) !== first);
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, 'took too long');
    await sleep(20);
  }
}
