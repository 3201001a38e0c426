import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AUDIT_INDEX_FILE,
  type AuditIndex,
  openAuditIndex,
  rebuildIndex,
} from '@sallyport/audit-index';
import { openGateway } from './gateway-access.ts';
import { note, print, printJson } from './output.ts';
import { Complaint } from './run.ts';

/** How a command names the log that it works on. */
export interface LogChoice {
  readonly config?: string;
  /** Keeps the index of a folder for the next time. */
  readonly index?: string;
}

/** An index that is up to date, with the folder that it is of. */
export interface OpenedIndex extends AsyncDisposable {
  readonly folder: string;
  readonly index: AuditIndex;
}

/** Where the log lies, and where its index is kept; null: nowhere. */
export async function locateLog(
  folder: string | undefined,
  choice: LogChoice,
): Promise<{ readonly folder: string; readonly file: string | null }> {
  if (folder !== undefined) return { folder, file: choice.index ?? null };
  if (choice.config === undefined) {
    throw new Complaint('Name the audit folder, or the gateway with --config.');
  }
  const { layout } = await openGateway(choice.config);
  return {
    folder: layout.audit,
    file: choice.index ?? join(layout.consoleIndex, AUDIT_INDEX_FILE),
  };
}

/** The index of a log, up to its last head. A folder alone gets one that is gone afterwards. */
export async function openLogIndex(
  folder: string | undefined,
  choice: LogChoice,
): Promise<OpenedIndex> {
  const log = await locateLog(folder, choice);
  const scratch = log.file === null ? await mkdtemp(join(tmpdir(), 'sallyport-index-')) : null;
  const file = log.file ?? join(scratch ?? '', AUDIT_INDEX_FILE);
  const clear = async () => {
    if (scratch !== null) await rm(scratch, { recursive: true, force: true });
  };
  try {
    const index = await openAuditIndex({ auditFolder: log.folder, file });
    const { damage } = await index.catchUp();
    if (damage !== null) {
      note(
        `The log is not in order from ${damage.segment}, line ${damage.line} on; what follows is left out. Ask: sallyport audit verify.`,
      );
    }
    return {
      folder: log.folder,
      index,
      [Symbol.asyncDispose]: async () => {
        index.close();
        await clear();
      },
    };
  } catch (error) {
    await clear();
    throw error;
  }
}

/** Brings the search index up to date; `rebuild` makes it anew. */
export async function runAuditIndex(options: {
  readonly config: string;
  readonly rebuild?: boolean;
  readonly json?: boolean;
}): Promise<number> {
  const { folder, file } = await locateLog(undefined, options);
  if (file === null) throw new Error('a gateway has a place for its index');
  const open = options.rebuild === true ? rebuildIndex : openAuditIndex;
  const index = await open({ auditFolder: folder, file });
  try {
    const { size, damage } = await index.catchUp();
    if (options.json === true) printJson({ file, size, damage });
    else {
      print(`${file} holds ${size} events.`);
      if (damage !== null) {
        print(`The log is not in order from ${damage.segment}, line ${damage.line} on.`);
      }
    }
    return damage === null ? 0 : 1;
  } finally {
    index.close();
  }
}
