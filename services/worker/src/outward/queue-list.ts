import { type FaultId, isFaultId } from '@sallyport/faults';
import { isSelected, type QueueEntry, type QueueSelection } from '@sallyport/ipc';
import type { QueueId } from '@sallyport/mail';
import type { QueueFileHeader, Spool } from '@sallyport/spool';
import { readOutwardState } from './state.ts';

export type Folder = 'incoming' | 'hold' | 'corrupt';
export const FOLDERS: readonly Folder[] = ['incoming', 'hold', 'corrupt'];

export interface ListPorts {
  readonly spool: Spool;
  readonly holdExpiryMs: number;
}

/** The messages that an operator asks for, folder by folder, at most `limit`. */
export async function listQueue(
  wanted: {
    readonly state: QueueEntry['state'] | undefined;
    readonly limit: number;
    readonly selection: QueueSelection;
  },
  ports: ListPorts,
): Promise<{ entries: QueueEntry[]; more: boolean }> {
  const { state, limit, selection } = wanted;
  const entries: QueueEntry[] = [];
  for await (const entry of allEntries(ports)) {
    if (state !== undefined && entry.state !== state) continue;
    if (!isSelected(entry, selection)) continue;
    if (entries.length === limit) return { entries, more: true };
    entries.push(entry);
  }
  return { entries, more: false };
}

async function* allEntries(ports: ListPorts): AsyncGenerator<QueueEntry> {
  for (const folder of FOLDERS) {
    for await (const id of ports.spool.list(folder)) {
      const entry = await entryOf(folder, id, ports);
      if (entry !== null) yield entry;
    }
  }
}

/** A message as an operator sees it; null if it is gone. */
export async function entryOf(
  folder: Folder,
  id: QueueId,
  ports: ListPorts,
): Promise<QueueEntry | null> {
  const read = await ports.spool.readHeader(folder, id);
  if (read.kind === 'gone') return null;
  if (read.kind === 'corrupt') return corruptEntry(folder, id, read.reason);
  const { header, sizeBytes } = read;
  const state = await readOutwardState(ports.spool, folder, id);
  const hold = holdOf(header);
  return {
    id,
    state: folder === 'hold' ? 'held' : folder === 'corrupt' ? 'corrupt' : 'waiting',
    folder,
    createdAt: header.createdAt,
    dueAt: folder === 'incoming' ? state.nextAttemptAt : null,
    destination: header.forwardPaths[0]?.path.split('@').at(-1) ?? null,
    reversePath: header.reversePath,
    forwardPaths: header.forwardPaths
      .map((one) => one.path)
      .filter((path) => !state.settled.includes(path)),
    sizeBytes,
    attempts: state.attempts,
    fault: folder === 'hold' ? hold.fault : state.fault,
    sentence: folder === 'hold' ? hold.sentence : state.sentence,
    ...(folder === 'hold' ? endOfHold(header, ports.holdExpiryMs) : {}),
  };
}

/** Who may release it, and what becomes of it (design section 4). */
function endOfHold(
  { createdAt, origin }: QueueFileHeader,
  holdExpiryMs: number,
): Pick<QueueEntry, 'expiresAt' | 'release'> {
  const expiresAt = new Date(Date.parse(createdAt) + holdExpiryMs).toISOString();
  const release =
    origin === 'inward'
      ? `A mail admin or a security admin may release it: it then goes to its recipients here. Otherwise it is dropped on ${expiresAt}, and its author is not told.`
      : `A mail admin or a security admin may release it: it is then decided anew under the policy in force, which may hold it again. Otherwise it comes back to its author on ${expiresAt}.`;
  return { expiresAt, release };
}

function corruptEntry(folder: Folder, id: QueueId, reason: string): QueueEntry {
  return {
    id,
    state: 'corrupt',
    folder,
    createdAt: new Date(0).toISOString(),
    dueAt: null,
    destination: null,
    reversePath: '',
    forwardPaths: [],
    sizeBytes: 0,
    attempts: 0,
    fault: null,
    sentence: `Cannot be read back: ${reason}.`,
  };
}

function holdOf(header: QueueFileHeader): { fault: FaultId | null; sentence: string } {
  const hold: unknown = header.extra['hold'];
  if (typeof hold !== 'object' || hold === null) return { fault: null, sentence: 'Held.' };
  const { fault, sentence } = hold as { fault?: unknown; sentence?: unknown };
  return {
    fault: typeof fault === 'string' && isFaultId(fault) ? fault : null,
    sentence: typeof sentence === 'string' ? sentence : 'Held.',
  };
}
