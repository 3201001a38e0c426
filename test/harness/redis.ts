import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './folder.ts';
import { freePort } from './ports.ts';
import { type RunningProcess, startProcess } from './process.ts';
import { isListening, waitFor } from './wait.ts';

export interface Redis extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** The server as it runs now. */
  readonly server: RunningProcess;
  /** Starts it again on the same port, with what its disk holds. */
  start(): Promise<void>;
}

/** Starts Redis as a queue wants it: every write on disk before its answer, nothing evicted. */
export async function startRedis(): Promise<Redis> {
  const folder = await temporaryFolder('redis');
  const port = await freePort();
  const config = join(folder.path, 'redis.conf');
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${folder.path}`,
    'appendonly yes',
    'appendfsync always',
    'maxmemory-policy noeviction',
    'save ""',
    'daemonize no',
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const launch = async (): Promise<RunningProcess> => {
    const started = await startProcess('redis-server', [config]);
    await waitFor(() => isListening('127.0.0.1', port), { what: 'Redis' });
    return started;
  };
  let server = await launch();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get server() {
      return server;
    },
    start: async () => {
      server = await launch();
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
