import { type FaultId, isFaultId } from '@sallyport/faults';
import { type QueueEntry, type QueuePageQuery, queuePage } from '@sallyport/ipc';
import { type QueueId, queueIdTime } from '@sallyport/mail';
import type { QueueFileHeader, Spool } from '@sallyport/spool';
import { readOutwardState } from './state.ts';

export type Folder = 'incoming' | 'hold' | 'corrupt';
export const FOLDERS: readonly Folder[] = ['incoming', 'hold', 'corrupt'];

export interface ListPorts {
  readonly spool: Spool;
  readonly holdExpiryMs: number;
}

/** A page of the messages that an operator asks for, of all folders. */
export async function listQueue(
  query: QueuePageQuery,
  ports: ListPorts,
): Promise<{ entries: QueueEntry[]; more: boolean }> {
  const isHold = query.place === 'hold' || query.state === 'held';
  const names = namesIn(isHold ? ['hold'] : FOLDERS, ports);
  return await queuePage(query, names, async ({ folder, id }) => await entryOf(folder, id, ports));
}

async function* namesIn(folders: readonly Folder[], { spool }: ListPorts) {
  for (const folder of folders) {
    for await (const id of spool.list(folder)) yield { folder, id };
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
  const end = `${expiresAt.slice(0, 19).replace('T', ' ')} UTC`;
  const release =
    origin === 'inward'
      ? `A mail admin or a security admin may release it: it then goes to its recipients here. Otherwise it is dropped on ${end}, and its author is not told.`
      : `A mail admin or a security admin may release it: it is then decided anew under the policy in force, which may hold it again. Otherwise it comes back to its author on ${end}.`;
  return { expiresAt, release };
}

function corruptEntry(folder: Folder, id: QueueId, reason: string): QueueEntry {
  return {
    id,
    state: 'corrupt',
    folder,
    createdAt: new Date(queueIdTime(id)).toISOString(),
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
