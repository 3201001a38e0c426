import {
  closeSync,
  type FSWatcher,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  watch,
} from 'node:fs';
import { join } from 'node:path';
import { parseSegmentName } from '@sallyport/audit-log';
import { parseQueueId } from '@sallyport/mail';
import type { RunningGateway, Victim } from './gateway.ts';
import { VICTIMS } from './gateway.ts';

/** When a kill falls. */
export const KILL_POINTS = [
  'random',
  'spooled',
  'half-written',
  'committed',
  'signed',
  'relayed',
  'handed-over',
] as const;
export type KillPoint = (typeof KILL_POINTS)[number];

/** The one point of this run, if `CHAOS_POINT` names one: to look closely at one of them. */
export function chosenPoint(): KillPoint | null {
  return KILL_POINTS.find((point) => point === process.env['CHAOS_POINT']) ?? null;
}

/** Who has just done something at that point, or is about to do the next thing. */
export const WHO_IS_NEAR: Readonly<Record<KillPoint, readonly [Victim, ...Victim[]]>> = {
  random: VICTIMS,
  spooled: ['ingress', 'worker-outward', 'recorder'],
  'half-written': ['worker-outward', 'worker-outward', 'worker-inward', 'ingress'],
  committed: ['ingress', 'egress', 'worker-inward', 'recorder'],
  signed: ['worker-outward', 'keyholder', 'recorder'],
  relayed: ['egress', 'recorder'],
  'handed-over': ['egress', 'ingress'],
};

/** Resolves in the moment in which the gateway reaches the point; false if it did not in time. */
export async function reached(
  point: Exclude<KillPoint, 'random'>,
  gateway: RunningGateway,
  given: { readonly mailbox: string; readonly timeoutMs: number },
): Promise<boolean> {
  switch (point) {
    case 'spooled':
      return await seen(gateway.spool('incoming'), given.timeoutMs, isQueueFile);
    case 'half-written':
      return await seen(gateway.spool('tmp'), given.timeoutMs, (name) =>
        isResult(name, [gateway.spool('incoming'), gateway.spool('tmp')]),
      );
    case 'handed-over':
      // The inner MTA has the message, its reply is on the way.
      return await seen(given.mailbox, given.timeoutMs, (name) => name.endsWith('.eml'));
    case 'committed':
      return await recorded(gateway, '\\"kind\\":\\"committed\\"', given.timeoutMs);
    case 'signed':
      return await recorded(
        gateway,
        /\\"kind\\":\\"key-outcome\\"[^\n]*\\"operation\\":\\"sign\\"/,
        given.timeoutMs,
      );
    case 'relayed':
      return await recorded(gateway, '\\"kind\\":\\"relayed\\"', given.timeoutMs);
  }
}

function isQueueFile(name: string): boolean {
  return parseQueueId(name) !== null;
}

const TIME_CHARS = 10;

/** True for what a worker makes of a message: its id begins as that of the message (childQueueId). */
function isResult(name: string, folders: readonly string[]): boolean {
  const time = name.slice(0, TIME_CHARS);
  return folders.some((folder) =>
    readdirSync(folder).some((other) => other !== name && other.startsWith(time)),
  );
}

/** True as soon as a name in the folder changes that the test knows. */
async function seen(
  folder: string,
  timeoutMs: number,
  test: (name: string) => boolean,
): Promise<boolean> {
  let watcher: FSWatcher | null = null;
  let timer: NodeJS.Timeout | null = null;
  try {
    return await new Promise<boolean>((resolve) => {
      watcher = watch(folder, (_kind, name) => {
        if (name !== null && test(name)) resolve(true);
      });
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
  } finally {
    (watcher as FSWatcher | null)?.close();
    if (timer !== null) clearTimeout(timer);
  }
}

/** True as soon as the audit log gets a line with this text. */
async function recorded(
  gateway: RunningGateway,
  text: string | RegExp,
  timeoutMs: number,
): Promise<boolean> {
  const folder = gateway.organisation.layout.audit;
  const name = readdirSync(folder)
    .filter((one) => parseSegmentName(one) !== null)
    .sort()
    .at(-1);
  if (name === undefined) return false;
  const fd = openSync(join(folder, name), 'r');
  try {
    let offset = fstatSync(fd).size;
    return await seen(folder, timeoutMs, () => {
      const fresh = Buffer.alloc(Math.max(0, fstatSync(fd).size - offset));
      const count = readSync(fd, fresh, 0, fresh.length, offset);
      offset += count;
      const lines = fresh.toString('latin1', 0, count);
      return typeof text === 'string' ? lines.includes(text) : text.test(lines);
    });
  } finally {
    closeSync(fd);
  }
}
