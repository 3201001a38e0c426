import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './folder.ts';
import { freePort } from './ports.ts';
import { type RunningProcess, startProcess } from './process.ts';
import { isListening, waitFor } from './wait.ts';

// In two parts, so that no scanner takes this source for a find.
/** The EICAR test file, which every scanner takes for a virus and which is none. */
export const EICAR = [
  'X5O!P%@AP[4\\PZX54(P^)7CC)7}$',
  'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*',
].join('');

export interface Clamd extends AsyncDisposable {
  readonly port: number;
  /** Ends the daemon; `start` brings it back on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts clamd with one signature of our own: the EICAR string anywhere in what it reads. */
export async function startClamd(): Promise<Clamd> {
  const folder = await temporaryFolder('clamd');
  const port = await freePort();
  await mkdir(join(folder.path, 'db'));
  const signature = `Sallyport.Eicar.Test:0:*:${Buffer.from(EICAR, 'latin1').toString('hex')}\n`;
  await writeFile(join(folder.path, 'db', 'eicar.ndb'), signature);
  const config = join(folder.path, 'clamd.conf');
  const lines = [
    'Foreground yes',
    `DatabaseDirectory ${folder.path}/db`,
    `TCPSocket ${port}`,
    'TCPAddr 127.0.0.1',
    `LogFile ${folder.path}/log`,
    `PidFile ${folder.path}/pid`,
    `TemporaryDirectory ${folder.path}`,
    'StreamMaxLength 50M',
    'User root',
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  let server: RunningProcess | null = null;
  const stop = async (): Promise<void> => {
    await server?.stop();
    server = null;
  };
  const start = async (): Promise<void> => {
    server = await startProcess('clamd', ['-c', config]);
    await waitFor(() => isListening('127.0.0.1', port), { what: 'clamd', timeoutMs: 30_000 });
  };
  await start();
  return {
    port,
    stop,
    start,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
