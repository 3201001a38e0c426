import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type AuditExport,
  EXPORT_FILES,
  EXPORT_README,
  type ExportOptions,
  exportEvents,
  selectionOf,
} from '@sallyport/audit-index';
import { LOG_KEY_FILE, verifyHead, type Withheld } from '@sallyport/audit-log';
import { eventKinds } from './audit.ts';
import { type LogChoice, openLogIndex } from './audit-index.ts';
import { ASK_VERIFY, HEAD_NOT_SIGNED, logKey, readCheckpoint } from './audit-key.ts';
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
  const query = queryOf(options);
  await using log = await openLogIndex(folder, options);
  const keyFile = join(log.folder, LOG_KEY_FILE);
  const key = await logKey(keyFile);
  const older = options.from === undefined ? null : await readCheckpoint(options.from, key);
  const withheld = withheldOf(options.withhold);
  const made = exportEvents(log.index, {
    query,
    withheld,
    publicKey: await readTextFile(keyFile),
    selection: selectionOf(query),
    ...(older === null ? {} : { older }),
  });
  if (made.kind !== 'export')
    throw new Complaint((older === null ? REFUSED : REFUSED_FROM)[made.kind]);
  if (!verifyHead(made.head, key)) throw new Complaint(HEAD_NOT_SIGNED);
  checkNames(withheld, made);
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
  contradicted: `An event of it does not lie under the signed head. ${ASK_VERIFY}`,
  removed: 'Retention removed an event of it while it was looked for: ask again.',
} as const;
const REFUSED_FROM = {
  ...REFUSED,
  contradicted: 'The log does not continue the checkpoint of --from.',
  removed: 'The checkpoint of --from ends inside a segment that retention removed.',
} as const;

/** A name that is misspelt would give out what was to be withheld. */
function checkNames(withheld: Withheld, made: AuditExport): void {
  if (withheld === 'none' || withheld === 'personal' || made.events === 0) return;
  const names = new Set<string>();
  for (const name of made.personalNames()) names.add(name.replace(/\.\d+$/, ''));
  const unknown = withheld.find((name) => !names.has(name.replace(/\.\d+$/, '')));
  if (unknown === undefined) return;
  throw new Complaint(
    `No event here has a personal field ${unknown}, so nothing would be withheld by that name. Those that there are: ${[...names].sort().join(', ')}.`,
  );
}

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
