import type { StatsFs } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { SPOOL_FOLDERS } from '@sallyport/spool';
import { checkSecrets, isCredential, secretFilesOf } from '../gateway/check-secrets.ts';
import type { Check, Patient } from './check.ts';
import { type Finding, fault, ok, reasonOf, warning } from './finding.ts';

const OTHERS = 0o007;
const GIB = 1024 ** 3;
const LOW_SHARE = 0.1;
/** Of a message, while it goes from one folder to the next. */
const COPIES = 4;
/** statfs(2): file systems whose promises about renames and syncs are another host's. */
const REMOTE_TYPES: Readonly<Record<number, string>> = { 26985: 'NFS', 4283649346: 'CIFS' };

/** The gateway's own secrets: there, and for their owner alone. */
export const secretsCheck: Check = {
  area: 'secrets',
  asksOthers: false,
  look: async ({ layout }) => {
    const hidden = await notSeen('secrets', await secretFilesOf(layout));
    const faults = await checkSecrets(layout);
    if (faults.length + hidden.length === 0) {
      return [ok('secrets', 'All secrets belong to their owners alone.')];
    }
    const found = faults.map(({ path, reason }) =>
      fault(
        reason.startsWith('may be') ? 'secret-open' : 'secret-missing',
        `${path} ${reason}.`,
        reason.startsWith('may be') ? `chmod 600 ${path}` : 'Restore it from the backup.',
      ),
    );
    return [...hidden, ...found];
  },
};

/** What this account may not look at: one finding for all, so that nobody takes it for sound. */
async function notSeen(area: string, paths: readonly string[]): Promise<readonly Finding[]> {
  const reasons = await Promise.all(
    paths.filter((path) => !isCredential(path)).map((path) => stat(path).then(() => '', reasonOf)),
  );
  const count = reasons.filter((reason) => reason === 'EACCES').length;
  if (count === 0) return [];
  const sentence = `This account may not look at ${count} of ${paths.length} ${area}, so how they are is not known.`;
  return [warning(`${area}-not-seen`, sentence, 'Run doctor as root.')];
}

/** Folders, their modes, and the room on their disk. */
export const foldersCheck: Check = {
  area: 'folders',
  asksOthers: false,
  look: async (patient) => {
    const { layout } = patient;
    const folders = [
      ...SPOOL_FOLDERS.map((name) => join(layout.spool, name)),
      layout.audit,
      layout.policy,
      layout.keys,
    ];
    const found = [
      ...(await notSeen('folders', folders)),
      ...(await Promise.all(folders.map(checkFolder))).flat(),
      ...(await checkDisk(patient)),
      ...(await checkRefuse(patient)),
    ];
    return found.length > 0
      ? found
      : [ok('folders', 'All folders are there, with room on the disk.')];
  },
};

async function checkFolder(folder: string): Promise<readonly Finding[]> {
  try {
    const found = await stat(folder);
    if (!found.isDirectory()) {
      return [fault('folder-missing', `${folder} is not a folder.`, 'Move away what is there.')];
    }
    if ((found.mode & OTHERS) === 0) return [];
    const sentence = `${folder} is open to every account of this host.`;
    return [fault('folder-open', sentence, `chmod o-rwx ${folder}`)];
  } catch (error) {
    if (reasonOf(error) === 'EACCES') return []; // told for all at once
    const sentence = `${folder} cannot be used (${reasonOf(error)}).`;
    return [
      fault('folder-missing', sentence, 'Restore the data folder, or make it: sallyport init.'),
    ];
  }
}

async function checkDisk({ layout, config }: Patient): Promise<readonly Finding[]> {
  const disk = await statfs(layout.spool).catch(() => null);
  // One that is not there is told as a missing folder.
  return disk === null ? [] : roomFindings(disk, config.ingress.maxSizeBytes);
}

/** What statfs(2) says of the disk of the spool, beside the longest message. */
export function roomFindings(
  disk: Pick<StatsFs, 'type' | 'bavail' | 'blocks' | 'bsize'>,
  maxMessageBytes: number,
): readonly Finding[] {
  const freeBytes = disk.bavail * disk.bsize;
  const findings: Finding[] = [];
  const remote = REMOTE_TYPES[disk.type];
  if (remote !== undefined) {
    const advice = 'Put it on ext4 or xfs on a local disk.';
    findings.push(fault('spool-remote', `The spool lies on ${remote}.`, advice));
  }
  const shown = `${(freeBytes / GIB).toFixed(1)} GiB are free on the disk of the spool.`;
  const advice = 'Make room: a full disk means 452 to every client.';
  if (freeBytes < COPIES * maxMessageBytes) {
    findings.push(fault('disk-full', shown, advice));
  } else if (freeBytes < GIB || disk.bavail < disk.blocks * LOW_SHARE) {
    findings.push(warning('disk-low', shown, advice));
  }
  return findings;
}

/** What should not be there. */
async function checkRefuse({ layout, config }: Patient): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const corrupt = await readdir(join(layout.spool, 'corrupt')).catch(() => []);
  if (corrupt.length > 0) {
    const sentence = `${corrupt.length} files in the spool could not be read back (folder corrupt).`;
    findings.push(
      warning('spool-corrupt', sentence, 'Look at the events corrupt-found, and at the disk.'),
    );
  }
  const caKey = await stat(join(layout.ca, 'ca-key.pem')).catch(() => null);
  if (caKey !== null) {
    const advice = 'Move ca-key.pem to another medium; the running gateway needs it for nothing.';
    findings.push(warning('ca-key-here', 'The key of your CA lies on this host.', advice));
  }
  if (config.test) {
    const advice = 'Take test: true out of the config.';
    findings.push(
      warning('test-config', 'The config allows switches that only tests may use.', advice),
    );
  }
  return findings;
}
