import { dirname, join } from 'node:path';
import { connectSocket, healthProtocol, IpcRefused, IpcUnavailable } from '@sallyport/ipc';
import type { ConsoleOptions } from '../options.ts';

/** Processes without which no gateway works, so that one without a socket does not run. */
const NEEDED = [
  'ingress',
  'worker-inward',
  'worker-outward',
  'worker-advise',
  'keyholder',
  'recorder',
  'egress',
] as const;
/** Those that only some gateways run. */
const OPTIONAL = ['directory', 'shipper', 'monitor'] as const;

const DEADLINE_MS = 1_500;

/** How one process is. */
export interface PartState {
  readonly role: string;
  /** `away`: nobody answers. */
  readonly state: 'works' | 'trouble' | 'away';
  /** In its own words; null if it says nothing. */
  readonly sentence: string | null;
}

/** Asks every process how it is, all at once; one that this gateway does not run is left out. */
export async function askParts({ healthSocket }: ConsoleOptions): Promise<PartState[]> {
  if (healthSocket === undefined) return [];
  const folder = dirname(healthSocket);
  const states = await Promise.all(
    [...NEEDED, ...OPTIONAL].map(async (role) => await askPart(role, join(folder, `${role}.sock`))),
  );
  return states.filter((state) => state !== null);
}

async function askPart(role: string, path: string): Promise<PartState | null> {
  const client = connectSocket({ path, protocol: healthProtocol, deadlineMs: DEADLINE_MS });
  try {
    const { ok, sentence } = await client.call('health', {});
    return { role, state: ok ? 'works' : 'trouble', sentence };
  } catch (error) {
    if (!(error instanceof IpcUnavailable) && !(error instanceof IpcRefused)) throw error;
    const isNotRun = isMissing(error) && !NEEDED.some((one) => one === role);
    return isNotRun ? null : { role, state: 'away', sentence: null };
  } finally {
    client.close();
  }
}

function isMissing({ cause }: Error): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}
