import { readFile } from 'node:fs/promises';
import { runOk } from '../harness/process.ts';
import type { Sink } from './sink-client.ts';
import { SENDER, type System } from './system.ts';

const SESSIONS = 20;
const BODY_BYTES = 10_240;
const TIMEOUT_MS = 60_000;
const TICKS_PER_SECOND = 100;

/** One round of one system. */
export interface Round {
  readonly perSecond: number;
  /** Until the load generator had its last reply. */
  readonly acceptedPerSecond: number;
  /** Processor time of each known process, in microseconds for a message. */
  readonly cpuMicros: ReadonlyMap<string, number>;
}

/** Sends messages on kept connections; the clock stops when the sink has the last of them. */
export async function measure(system: System, sink: Sink, messages: number): Promise<Round> {
  const count = Math.max(SESSIONS, Math.round(messages * system.share));
  const before = await sink.count();
  const cpuBefore = await cpuOf(system);
  const started = performance.now();
  const loaded = runOk(
    'smtp-source',
    [
      '-d',
      '-s',
      String(SESSIONS),
      '-m',
      String(count),
      '-l',
      String(BODY_BYTES),
      '-M',
      'mail.acme.example',
      '-f',
      SENDER,
      '-t',
      system.recipient,
      `${system.host}:${system.port}`,
    ],
    { timeoutMs: TIMEOUT_MS },
  ).then(() => performance.now());
  const arrived = sink.waitFor(before.messages + count, TIMEOUT_MS);
  const [acceptedAt, arrivedAt] = await Promise.all([loaded, arrived]).catch(
    async (cause: unknown) => {
      throw new Error(`${system.name}:\n${await system.log()}`, { cause });
    },
  );
  const after = await sink.count();
  if (after.clear > 0) throw new Error(`${system.name} sent in clear`);
  const cpuAfter = await cpuOf(system);
  return {
    perSecond: (count * 1_000) / (arrivedAt - started),
    acceptedPerSecond: (count * 1_000) / (acceptedAt - started),
    cpuMicros: new Map(
      [...cpuAfter].map(([name, micros]) => [name, (micros - (cpuBefore.get(name) ?? 0)) / count]),
    ),
  };
}

async function cpuOf(system: System): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const [name, pid] of system.processIds()) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // proc(5): utime and stime are the 14th and 15th field; the name in parentheses may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    found.set(name, (ticks * 1_000_000) / TICKS_PER_SECOND);
  }
  return found;
}
