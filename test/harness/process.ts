import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const STOP_TIMEOUT_MS = 20_000;
const MAX_OUTPUT_CHARS = 4 * 1024 * 1024;

export interface RunResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  /** The process leads a group of its own: for servers that signal their whole group. */
  readonly ownGroup?: boolean;
}

/** Runs a program to its end; never throws for its exit code. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const child = spawn(command, [...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: 'pipe',
    timeout: options.timeoutMs ?? 60_000,
  });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('latin1');
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(stdout), stderr };
}

/** Runs a program that must succeed. @returns its standard output. */
export async function runOk(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Buffer> {
  const result = await run(command, args, options);
  if (result.code !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${result.code}: ${result.stderr}`);
  }
  return result.stdout;
}

/** A server that runs until it is disposed of. */
export interface RunningProcess extends AsyncDisposable {
  readonly pid: number;
  /** Both standard streams, in the order in which they came. */
  output(): string;
  hasEnded(): boolean;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
  readonly ended: Promise<void>;
}

const alive = new Set<ChildProcess>();
// A test that dies must not leave servers behind.
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts a server in the foreground; it is stopped by its process id. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: Omit<RunOptions, 'input'> = {},
): Promise<RunningProcess> {
  const child = spawn(command, [...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.ownGroup ?? false,
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARS);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = once(child, 'exit').then(() => {
    alive.delete(child);
  });
  await once(child, 'spawn');
  alive.add(child);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const stop = async (): Promise<void> => {
    if (hasEnded()) return;
    child.kill('SIGTERM');
    const timer = new AbortController();
    const late = sleep(STOP_TIMEOUT_MS, 'late', { signal: timer.signal }).catch(() => 'ended');
    if ((await Promise.race([ended, late])) === 'late') child.kill('SIGKILL');
    await ended;
    timer.abort();
  };
  return {
    pid: child.pid ?? 0,
    output: () => output,
    hasEnded,
    signal: (name) => {
      child.kill(name);
    },
    stop,
    ended,
    [Symbol.asyncDispose]: stop,
  };
}
