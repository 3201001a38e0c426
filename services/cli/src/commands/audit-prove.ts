import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditIndex } from '@sallyport/audit-index';
import {
  type EventProof,
  formatBundleEvent,
  formatBundleHead,
  LOG_KEY_FILE,
  type SignedHead,
  verifyHead,
} from '@sallyport/audit-log';
import { type LogChoice, openLogIndex } from './audit-index.ts';
import { ASK_VERIFY, HEAD_NOT_SIGNED, logKey, readCheckpoint } from './audit-key.ts';
import { note, printText } from './output.ts';
import { readTextFile } from './read-input.ts';
import { Complaint } from './run.ts';

export interface AuditProveOptions extends LogChoice {
  readonly from?: string;
  readonly out?: string;
}

/** Proves one event by its number, or all of a message by its queue id, offline checkable. */
export async function runAuditProve(
  which: string,
  folder: string | undefined,
  options: AuditProveOptions,
): Promise<number> {
  await using log = await openLogIndex(folder, options);
  const { index } = log;
  const head = index.head();
  if (head === null) throw new Complaint('The log has no signed head yet.');
  const keyFile = join(log.folder, LOG_KEY_FILE);
  const key = await logKey(keyFile);
  if (!verifyHead(head, key)) throw new Complaint(HEAD_NOT_SIGNED);
  const older = options.from === undefined ? null : await readCheckpoint(options.from, key);
  const proofs = eventsOf(which, index).map((event) => proofOf(event, index, head));
  const consistency = older === null ? {} : { consistency: consistencyOf(older, index) };
  const publicKey = await readTextFile(keyFile);
  const lines = [
    formatBundleHead({
      head,
      publicKey,
      events: proofs.length,
      selection: /^\d+$/.test(which) ? `event ${which}` : `message ${which}`,
      ...consistency,
    }),
    ...proofs.map((proof) => formatBundleEvent(proof)),
  ];
  if (options.out === undefined) printText(lines.join(''));
  else {
    await writeFile(options.out, lines.join(''));
    note(`${options.out} proves it; check it with: sallyport audit verify ${options.out}`);
  }
  return 0;
}

function eventsOf(which: string, index: AuditIndex): number[] {
  if (/^\d+$/.test(which)) return [Number(which)];
  // By what the index knows, not by what can be read still: an event that was spoilt must be missed.
  const history = index.message(which);
  if (history === null) throw new Complaint(`The log has nothing under ${which}.`);
  return history.indexes;
}

function proofOf(event: number, index: AuditIndex, head: SignedHead): EventProof {
  const answer = index.prove(event, head);
  switch (answer.kind) {
    case 'proof':
      return answer.proof;
    case 'unknown':
      throw new Complaint(`There is no event ${event} under the last head.`);
    case 'removed':
      throw new Complaint(
        `Event ${event} was removed by retention: of its segment only the root is left, so nothing proves any more what it said.`,
      );
    default:
      throw new Complaint(`Event ${event} does not lie under the signed head. ${ASK_VERIFY}`);
  }
}

function consistencyOf(from: SignedHead, index: AuditIndex): { from: SignedHead; path: string[] } {
  const answer = index.proveConsistency(from);
  switch (answer.kind) {
    case 'proof':
      return { from, path: [...answer.path] };
    case 'longer':
      throw new Complaint(
        `The checkpoint has ${from.size} events and the log fewer: the end of the log was cut.`,
      );
    case 'removed':
      throw new Complaint(
        'The checkpoint ends inside a segment that retention removed, so nothing leads from it to the last head.',
      );
    default:
      throw new Complaint(
        'The log does not continue the checkpoint: one of the two is of another log, or was changed.',
      );
  }
}
