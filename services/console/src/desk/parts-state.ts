import { dirname, join } from 'node:path';
import { connectSocket, healthProtocol, IpcRefused, IpcUnavailable } from '@sallyport/ipc';
import type { ConsoleOptions } from '../options.ts';

/** Processes of a gateway that say how they are; those that are not run have no socket. */
const ROLES = [
  'ingress',
  'worker-inward',
  'worker-outward',
  'worker-advise',
  'keyholder',
  'recorder',
  'egress',
  'directory',
  'shipper',
  'monitor',
] as const;

const DEADLINE_MS = 1_500;

/** How one process is. */
export interface PartState {
  readonly role: string;
  /** `away`: its socket is there and nobody answers. */
  readonly state: 'works' | 'trouble' | 'away';
  /** In its own words; null if it says nothing. */
  readonly sentence: string | null;
}

/** Asks every process that has a health socket, all at once; one that is not run is left out. */
export async function askParts({ healthSocket }: ConsoleOptions): Promise<PartState[]> {
  if (healthSocket === undefined) return [];
  const folder = dirname(healthSocket);
  const states = await Promise.all(
    ROLES.map(async (role) => await askPart(role, join(folder, `${role}.sock`))),
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
    return isMissing(error) ? null : { role, state: 'away', sentence: null };
  } finally {
    client.close();
  }
}

function isMissing({ cause }: Error): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}
