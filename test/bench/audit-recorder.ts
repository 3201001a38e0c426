import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectSocket, recorderProtocol } from '@sallyport/ipc';
import { startProcess } from '../harness/process.ts';
import { messageEvents } from './audit-traffic.ts';

/** An event as it goes over the socket. */
export interface BenchEvent {
  readonly kind: string;
  readonly [fact: string]: unknown;
}

/** Sessions that each wait for the disk before they go on. */
const SESSIONS = 64;
const READY_MS = 120_000;

/** The real recorder over a folder. */
export interface BenchRecorder extends AsyncDisposable {
  readonly startedMs: number;
  /** Appends about so many events, five for each message; the seconds it took. */
  append(events: number): Promise<number>;
  size(): Promise<number>;
}

export async function prepareRecorder(folder: string): Promise<string> {
  const keyFile = join(folder, 'log-key.pem');
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(keyFile, pem, { mode: 0o600 });
  const optionsFile = join(folder, 'recorder.json');
  const options = {
    folder: join(folder, 'audit'),
    privateKeyFile: keyFile,
    socket: join(folder, 'recorder.sock'),
    commitDelayMs: 200,
  };
  await writeFile(optionsFile, JSON.stringify(options));
  return optionsFile;
}

/** Starts the recorder of an options file. */
export async function startRecorder(folder: string, optionsFile: string): Promise<BenchRecorder> {
  const main = fileURLToPath(import.meta.resolve('@sallyport/recorder'));
  const begun = performance.now();
  const child = startProcess(process.execPath, [main, optionsFile]);
  const client = connectSocket({
    path: join(folder, 'recorder.sock'),
    protocol: recorderProtocol,
    deadlineMs: READY_MS,
  });
  const size = async () => (await client.call('head', {})).size;
  while ((await size().catch(() => null)) === null) {
    if (performance.now() - begun > READY_MS) throw new Error('the recorder does not start');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  let messages = 0;
  const startedMs = performance.now() - begun;
  return {
    startedMs,
    size,
    append: async (events) => {
      const from = performance.now();
      const until = messages + Math.ceil(events / 5);
      const session = async () => {
        while (messages < until) {
          messages += 1;
          const { first, rest } = messageEvents(messages);
          await client.call('record', { event: first, durable: true });
          await Promise.all(rest.map((event) => client.call('record', { event, durable: false })));
        }
      };
      await Promise.all(Array.from({ length: SESSIONS }, session));
      return (performance.now() - from) / 1_000;
    },
    [Symbol.asyncDispose]: async () => {
      client.close();
      await (await child)[Symbol.asyncDispose]();
    },
  };
}
