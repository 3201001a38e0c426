import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOG_KEY_FILE, type LogVerdict, verifyLog } from '@sallyport/audit-log';
import { auditSegments } from '../gateway/audit-folder.ts';
import type { Check, Patient } from './check.ts';
import { type Finding, fault, ok, reasonOf, warning } from './finding.ts';

/** So much is verified in a few seconds. */
const MAX_BYTES = 128 * 1024 * 1024;
const SETTLE_MS = 300;
const READS = 4;

/** The end of the audit log: its signatures, its last head, and the key that signs. */
export const auditCheck: Check = {
  area: 'audit log',
  asksOthers: false,
  look: async (patient) => {
    const { layout } = patient;
    const key = await publicKey(layout.audit);
    if ('code' in key) return [key];
    return [...(await keyFindings(key, patient)), ...(await logFindings(key, patient))];
  },
};

/** The key that the log is verified with, or what stands in the way. */
async function publicKey(folder: string): Promise<KeyObject | Finding> {
  const path = join(folder, LOG_KEY_FILE);
  try {
    return createPublicKey(await readFile(path));
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === 'ENOENT') {
      const advice = 'It begins with the first start of the gateway.';
      return warning('audit-none', 'There is no audit log yet.', advice);
    }
    if (reason === 'EACCES') {
      const sentence = 'This account may not look at the audit log, so how it is is not known.';
      return warning('audit-not-seen', sentence, 'Run doctor as root.');
    }
    const sentence = `${path} holds no key (${reason}), so nobody can verify the log.`;
    return fault('audit-unreadable', sentence, 'Restore it from the backup.');
  }
}

async function keyFindings(key: KeyObject, { layout }: Patient): Promise<readonly Finding[]> {
  const pem = await readFile(layout.logKey).catch(() => null);
  if (pem === null) return []; // told under secrets
  if (createPublicKey(createPrivateKey(pem)).equals(key)) return [];
  const sentence = 'The log was begun with another key than the one that is to sign it.';
  return [fault('audit-key', sentence, `Restore ${layout.logKey} from the backup.`)];
}

async function logFindings(key: KeyObject, { layout, now }: Patient): Promise<readonly Finding[]> {
  let verdict = await verdictOf(layout.audit, key);
  for (let reads = 1; reads < READS && isUnfinished(verdict); reads += 1) {
    // A log that is being written ends in lines that the next head will cover.
    await sleep(SETTLE_MS);
    verdict = await verdictOf(layout.audit, key);
  }
  if (verdict === null) {
    return [
      warning(
        'audit-long',
        'The log is long, and was not verified here.',
        'sallyport audit verify FOLDER',
      ),
    ];
  }
  if (verdict.kind === 'damaged') {
    const sentence = `${verdict.segment}, line ${verdict.line}: ${verdict.reason}.`;
    if (verdict.code === 'torn-tail') {
      return [
        warning(
          'audit-torn',
          sentence,
          'The next start cuts it off; nobody had an answer for it. If it stays, the recorder stands still.',
        ),
      ];
    }
    return [
      fault(
        'audit-damaged',
        sentence,
        'Keep a copy, restore the folder from the backup, and ask who can write there.',
      ),
    ];
  }
  const time = verdict.lastHead?.time;
  if (time !== undefined && Date.parse(time) > now.getTime() + 60_000) {
    return [
      fault(
        'clock-behind',
        `The audit log ends at ${time}, which is later than the clock of this host.`,
        'Set the clock: chronyc makestep, or timedatectl set-ntp true.',
      ),
    ];
  }
  return [
    ok('audit', `The log is whole: ${verdict.size} events, the last head of ${time ?? 'never'}.`),
  ];
}

async function verdictOf(folder: string, key: KeyObject): Promise<LogVerdict | null> {
  const segments = await auditSegments(folder);
  const sizes = await Promise.all(segments.map(({ name }) => stat(join(folder, name))));
  if (sizes.reduce((sum, { size }) => sum + size, 0) > MAX_BYTES) return null;
  return await verifyLog(segments, key, {}).catch((error: unknown) => {
    throw new Error(`the log cannot be read (${reasonOf(error)})`);
  });
}

function isUnfinished(verdict: LogVerdict | null): boolean {
  return verdict?.kind === 'damaged' && ['torn-tail', 'bad-line'].includes(verdict.code);
}
