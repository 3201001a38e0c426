import { readFile, stat } from 'node:fs/promises';
import type { Mailbox } from '@sallyport/mail';
import { PARTNER_PREFIX, parseFile, pathOf, STRANGER_PREFIX } from './harvested-file.ts';

const MAX_FILE_BYTES = 256 * 1024;

/** Reads what worker inward harvested; writes nothing. */
export class HarvestedCertificates {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** DER certificates that verified mail of this mailbox brought, the newest first; none proves anything. */
  async of(mailbox: Mailbox): Promise<readonly Buffer[]> {
    const lists = await Promise.all(
      [PARTNER_PREFIX, STRANGER_PREFIX].map((prefix) =>
        read(pathOf(this.#folder, mailbox, prefix)),
      ),
    );
    return lists.flat();
  }
}

// What cannot be read is not known, and costs a candidate at most.
async function read(path: string): Promise<readonly Buffer[]> {
  const facts = await stat(path).catch(() => null);
  if (facts === null || facts.size > MAX_FILE_BYTES) return [];
  const text = await readFile(path, 'utf8').catch(() => '');
  return parseFile(text).map(({ certificate }) => Buffer.from(certificate, 'base64'));
}
