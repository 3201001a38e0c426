import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  EXPORT_FILES,
  EXPORT_README,
  type ExportOptions,
  exportEvents,
  selectionOf,
} from '@sallyport/audit-index';
import { LOG_KEY_FILE, type Withheld } from '@sallyport/audit-log';
import { eventKinds } from './audit.ts';
import { type LogChoice, openLogIndex } from './audit-index.ts';
import { readCheckpoint } from './audit-key.ts';
import { print } from './output.ts';
import { readTextFile, timeOf } from './read-input.ts';
import { Complaint } from './run.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export interface AuditExportOptions extends LogChoice {
  readonly out: string;
  readonly format: string;
  readonly kind?: readonly string[];
  readonly queueId?: string;
  readonly address?: string;
  readonly domain?: string;
  readonly since?: string;
  readonly until?: string;
  readonly withhold?: string;
  readonly from?: string;
}

/** Writes the chosen events with their proofs into a new folder. */
export async function runAuditExport(
  folder: string | undefined,
  options: AuditExportOptions,
): Promise<number> {
  const { out, format } = options;
  if (format !== 'csv' && format !== 'json') {
    throw new Complaint(`--format is csv or json, not ${format}.`);
  }
  const older = options.from === undefined ? undefined : await readCheckpoint(options.from);
  const query = queryOf(options);
  await using log = await openLogIndex(folder, options);
  const made = exportEvents(log.index, {
    query,
    withheld: withheldOf(options.withhold),
    publicKey: await readTextFile(join(log.folder, LOG_KEY_FILE)),
    selection: selectionOf(query),
    ...(older === undefined ? {} : { older }),
  });
  if (made.kind !== 'export') throw new Complaint(REFUSED[made.kind]);
  await mkdir(out, { mode: FOLDER_MODE });
  // First what throws where the log was touched: then there is nothing to be read either.
  await write(join(out, EXPORT_FILES.proof), made.bundle());
  await write(join(out, EXPORT_FILES[format]), format === 'csv' ? made.csv() : made.json());
  await writeFile(join(out, EXPORT_FILES.readme), EXPORT_README, { mode: FILE_MODE });
  print(`${made.events} events are in ${out}, proven under the head of ${made.head.time}.`);
  print(`Check it anywhere: sallyport audit verify ${out} --key LOG-KEY`);
  return 0;
}

const REFUSED = {
  'empty-log': 'The log has no signed head yet.',
  'too-many': 'That is over 100000 events: choose a shorter time.',
  contradicted: 'The log does not continue the checkpoint of --from.',
  removed: 'The checkpoint of --from ends inside a segment that retention removed.',
} as const;

function queryOf(options: AuditExportOptions): ExportOptions['query'] {
  const { kind, queueId, address, domain, since, until } = options;
  return {
    ...(kind === undefined ? {} : { kinds: eventKinds(kind) }),
    ...(queueId === undefined ? {} : { queueId }),
    ...(address === undefined ? {} : { address }),
    ...(domain === undefined ? {} : { domain }),
    ...(since === undefined ? {} : { since: timeOf(since) }),
    ...(until === undefined ? {} : { until: timeOf(until) }),
  };
}

function withheldOf(text: string | undefined): Withheld {
  if (text === undefined) return 'none';
  return text === 'personal' ? 'personal' : text.split(',').map((name) => name.trim());
}

async function write(path: string, pieces: Iterable<string>): Promise<void> {
  await pipeline(Readable.from(pieces), createWriteStream(path, { mode: FILE_MODE, flags: 'wx' }));
}
