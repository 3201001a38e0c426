import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BoundedFolder } from '@sallyport/spool';
import {
  formatStoredReport,
  type StoredTlsReport,
  storedReportName,
  type TlsReport,
} from '@sallyport/transport';

/** Of one submitter; its oldest go first, so that nobody drives out what others report. */
const MAX_OF_SUBMITTER = 100;
const MAX_FILES = 2_000;
/** Of one report; beyond it is refused. All together take a gigabyte at the most. */
const MAX_FILE_BYTES = 512 * 1024;
/** Of one policy, those with the most sessions. */
const MAX_DETAILS = 100;

/** Keeps what others report of their TLS towards us, one file each; a report that comes twice once. */
export class ReceivedReports {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * @returns true once it is on disk, false if it is too long to be kept.
   * @throws if the disk does not take it.
   */
  async keep(stored: StoredTlsReport): Promise<boolean> {
    const { submitter, report } = stored;
    const text = formatStoredReport({ ...stored, report: withMainDetails(report) });
    if (Buffer.byteLength(text) > MAX_FILE_BYTES) return false;
    const hash = (text: string): string =>
      createHash('sha256').update(text).digest('hex').slice(0, 16);
    const prefix = hash(submitter);
    const name = storedReportName(prefix, hash(`${submitter}\n${report.id}\n${stored.domain}`));
    const isFull = (await readdir(this.#folder)).length >= MAX_FILES;
    const bound = isFull ? { '': MAX_FILES } : { [prefix]: MAX_OF_SUBMITTER };
    const files = new BoundedFolder(this.#folder, bound);
    await files.write(join(this.#folder, name), text);
    return true;
  }
}

function withMainDetails(report: TlsReport): TlsReport {
  const policies = report.policies.map((policy) => {
    const details = policy.details.toSorted((a, b) => b.sessions - a.sessions);
    return { ...policy, details: details.slice(0, MAX_DETAILS) };
  });
  return { ...report, policies };
}
