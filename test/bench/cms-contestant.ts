import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runOk } from '../harness/process.ts';

/** What one `run` cost. */
export interface Cost {
  /** Processor time of the whole process for one message. */
  readonly cpuMicros: number;
  readonly perSecond: number;
}

/** A process that takes the commands of `cms-loop.c`, one line each. */
export class Contestant implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, [...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** @throws Error with what the process answered, if that is not good. */
  async ask(...words: readonly (string | number)[]): Promise<string> {
    this.#child.stdin.write(`${words.join(' ')}\n`);
    const next: IteratorResult<string, undefined> = await this.#answers.next();
    if (next.done === true) throw new Error(`the process ended at: ${words.join(' ')}`);
    if (next.value.startsWith('error')) throw new Error(`${words.join(' ')}: ${next.value}`);
    return next.value;
  }

  async run(op: string, cipher: string, file: string, seconds: number): Promise<Cost> {
    const [count = 0, cpu = 0, wall = 0] = (await this.ask('run', op, cipher, file, seconds))
      .split(' ')
      .map(Number);
    return { cpuMicros: cpu / count, perSecond: (count * 1e6) / wall };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.end();
    await ended;
    this.#lines.close();
  }
}

/** V8's switches of every service process (services/cli/src/gateway/supervisor.ts). */
const OUR_FLAGS = ['--v8-pool-size=1'];

export type ContestantName = 'ours' | 'c30' | 'c35';

/** Compiles the C loop in the folder, and starts contestants from it. */
export async function contestants(
  folder: string,
): Promise<Readonly<Record<ContestantName, () => Contestant>>> {
  const source = fileURLToPath(new URL('./cms-loop.c', import.meta.url));
  const own = fileURLToPath(new URL('./cms-ours.ts', import.meta.url));
  const [program, addon] = [join(folder, 'cms-loop'), join(folder, 'cms-loop.node')];
  await runOk('gcc', ['-O2', '-o', program, source, '-lcrypto']);
  // Without -lcrypto: its symbols are those of the Node that loads it.
  await runOk('gcc', ['-O2', '-shared', '-fPIC', '-DADDON', '-o', addon, source]);
  const inNode = `process.dlopen({ exports: {} }, ${JSON.stringify(addon)})`;
  return {
    ours: () => new Contestant(process.execPath, [...OUR_FLAGS, own]),
    c30: () => new Contestant(program, []),
    c35: () => new Contestant(process.execPath, ['-e', inNode]),
  };
}
