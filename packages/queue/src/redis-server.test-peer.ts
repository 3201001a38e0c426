/** A redis-server of the Debian package for one test file; never the machine's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '@sallyport/test/ports';

const PROGRAM = '/usr/bin/redis-server';

/** What a skipped test says, or false if the peer is there. */
export const REDIS_MISSING = existsSync(PROGRAM)
  ? false
  : 'redis-server is missing: install the Debian package redis-server';

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Kills it as a power cut would, without a word to its clients. */
  kill(): Promise<void>;
  /** Starts it again on the same port and files. */
  restart(): Promise<void>;
}

/** Starts a server as the operator's page says: every write on disk before the answer, no eviction. */
export async function startRedis(): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-'));
  const port = await freePort();
  let child = await launch(port, folder);
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    restart: async () => {
      child = await launch(port, folder);
    },
    [Symbol.asyncDispose]: async () => {
      await kill();
      await rm(folder, { recursive: true });
    },
  };
}

async function launch(port: number, folder: string): Promise<ChildProcess> {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  for await (const [line] of on(lines)) if (line.includes('Ready to accept connections')) break;
  child.stdout.resume();
  return child;
}

async function* on(lines: ReturnType<typeof createInterface>): AsyncIterable<[string]> {
  for await (const line of lines) yield [line];
  throw new Error('redis-server ended before it was ready');
}
