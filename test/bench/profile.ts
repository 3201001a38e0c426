import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessSpec } from '../../services/cli/src/gateway/supervisor.ts';

/** The processes of a gateway, each with a processor profile that is written when it stops. */
export class ProfiledProcesses {
  readonly #options: { runtime: string; logFile: string; profiles: string };
  readonly #children = new Map<string, ChildProcess>();

  constructor(options: { runtime: string; logFile: string; profiles: string }) {
    this.#options = options;
  }

  async start(specs: readonly ProcessSpec[]): Promise<void> {
    const { runtime, logFile, profiles } = this.#options;
    await mkdir(join(runtime, 'options'), { recursive: true, mode: 0o700 });
    const log = openSync(logFile, 'a', 0o600);
    for (const spec of specs) {
      const optionsFile = join(runtime, 'options', `${spec.name}.json`);
      await writeFile(optionsFile, JSON.stringify(spec.options), { mode: 0o600 });
      for (const folder of spec.writable) await mkdir(dirname(folder), { recursive: true });
      for (const folder of spec.folders ?? []) await mkdir(folder, { recursive: true });
      const target = join(profiles, spec.name);
      await mkdir(target, { recursive: true });
      const child = fork(fileURLToPath(import.meta.resolve(spec.module)), [optionsFile], {
        // Under --permission Node writes no profile.
        execArgv: ['--v8-pool-size=1', '--cpu-prof', `--cpu-prof-dir=${target}`],
        stdio: ['ignore', log, log, 'ipc'],
        env: { PATH: process.env['PATH'] },
      });
      this.#children.set(spec.name, child);
      await Promise.race([once(child, 'message'), once(child, 'exit')]);
      if (child.exitCode !== null) throw new Error(`${spec.name} did not start: see ${logFile}`);
    }
  }

  processIds(): ReadonlyMap<string, number> {
    return new Map([...this.#children].map(([name, child]) => [name, child.pid ?? 0]));
  }

  async stop(): Promise<void> {
    for (const child of [...this.#children.values()].toReversed()) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
  }
}
