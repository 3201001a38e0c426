import type { KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOG_KEY_FILE, type LogVerdict, type SignedHead, verifyLog } from '@sallyport/audit-log';
import { auditSegments } from '../gateway/audit-folder.ts';
import { bundleAt, verifyExport } from './audit-bundle.ts';
import { fingerprintOf, logKey, printKey, readCheckpoints, type UsedKey } from './audit-key.ts';
import { print, printJson } from './output.ts';
import { Complaint } from './run.ts';

export interface AuditVerifyOptions {
  readonly against?: string;
  readonly key?: string;
  readonly saveCheckpoint?: string;
  readonly json?: boolean;
}

/** Verifies a log folder, an export or a proof offline; exit code 0 only if nothing in it was touched. */
export async function runAuditVerify(target: string, options: AuditVerifyOptions): Promise<number> {
  const bundle = await bundleAt(target);
  if (bundle !== null) {
    if (options.saveCheckpoint === undefined) return await verifyExport(bundle, options);
    throw new Complaint('A checkpoint is saved from a whole log, not from an export or a proof.');
  }
  return await verifyFolder(target, options);
}

async function verifyFolder(folder: string, options: AuditVerifyOptions): Promise<number> {
  const key = await logKey(options.key ?? join(folder, LOG_KEY_FILE));
  if ((await auditSegments(folder)).length === 0) {
    throw new Complaint(
      `${folder} holds no segment of a log: nothing was begun there, or all was deleted.`,
    );
  }
  const checkpoints =
    options.against === undefined ? [] : await readCheckpoints(options.against, key);
  const verdict = await verifyLive(folder, key, checkpoints);
  const fingerprint = fingerprintOf(key);
  const keyFrom = options.key === undefined ? 'folder' : 'file';
  if (options.json === true) {
    printJson({ ok: verdict.kind === 'ok', ...verdict, keyFingerprint: fingerprint, keyFrom });
  } else printVerdict(verdict, { fingerprint, keyFrom });
  if (verdict.kind === 'ok') await saveCheckpoint(verdict.lastHead, options.saveCheckpoint);
  return verdict.kind === 'ok' ? 0 : 1;
}

const SETTLE_MS = 250;
const MAX_READS = 5;

/**
 * A log that is being written ends in lines that the next head will cover. Such a tail is read once
 * again: only lines that are still uncovered then are a torn tail.
 */
async function verifyLive(
  folder: string,
  key: KeyObject,
  checkpoints: readonly SignedHead[],
): Promise<LogVerdict> {
  const read = async (): Promise<LogVerdict> =>
    await verifyLog(await auditSegments(folder), key, { checkpoints });
  let verdict = await read();
  for (let reads = 1; reads < MAX_READS && isUnfinished(verdict); reads += 1) {
    await sleep(SETTLE_MS);
    const before = verdict;
    verdict = await read();
    if (isUnfinished(verdict) && isSamePlace(before, verdict)) break;
  }
  return verdict;
}

const UNFINISHED: readonly string[] = ['torn-tail', 'bad-line', 'unrecorded-removal'];

/** What a reader sees in the midst of a commit, or of retention: no head yet, half a line, no record yet. */
function isUnfinished(verdict: LogVerdict): boolean {
  return verdict.kind === 'damaged' && UNFINISHED.includes(verdict.code);
}

function isSamePlace(a: LogVerdict, b: LogVerdict): boolean {
  return (
    a.kind === 'damaged' && b.kind === 'damaged' && a.segment === b.segment && a.line === b.line
  );
}

function printVerdict(verdict: LogVerdict, key: UsedKey): void {
  if (verdict.kind === 'damaged') {
    print(`DAMAGED at ${verdict.segment}, line ${verdict.line}: ${verdict.reason}.`);
  } else {
    print(`The log is whole: ${verdict.size} events under ${verdict.heads} signed heads.`);
    print(`Root: ${verdict.root}`);
    if (verdict.withheld > 0)
      print(`${verdict.withheld} personal values are withheld; the proofs hold without them.`);
    if (verdict.removedLeaves > 0)
      print(`Of ${verdict.removedLeaves} events retention left only the root.`);
    print(CHECKPOINT[verdict.checkpoint]);
  }
  printKey(key, 'folder');
}

const CHECKPOINT = {
  none: 'No checkpoint was given, so an end that was cut off at a signed head would not be seen: use --against.',
  matches: 'The checkpoint is part of this log.',
  'not-comparable':
    'The checkpoint ends inside a segment that retention removed, so it could not be compared.',
} as const;

async function saveCheckpoint(head: SignedHead | null, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  if (head === null)
    throw new Complaint('The log has no signed head yet, so there is no checkpoint to save.');
  await writeFile(path, `${JSON.stringify(head)}\n`);
}
