import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { entriesFileSchema } from './options.ts';

const CHECK_EVERY_MS = 500;
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** One published name. */
export interface Entry {
  readonly cn: string;
  readonly mail: readonly string[];
  readonly userCertificate: readonly Buffer[];
  readonly userSMIMECertificate: readonly Buffer[];
}

/** Entries by address, in lower case: `mail` is matched without regard to case (RFC 4524 section 2.16). */
export type EntryIndex = ReadonlyMap<string, readonly Entry[]>;

/** Parses the entries file. @throws if it is not what the schema says. */
function parseEntries(text: string): EntryIndex {
  const { entries } = entriesFileSchema.parse(JSON.parse(text));
  const decode = (values: readonly string[]): Buffer[] =>
    values.map((value) => Buffer.from(value, 'base64'));
  const index = new Map<string, Entry[]>();
  for (const raw of entries) {
    const entry: Entry = {
      cn: raw.cn,
      mail: raw.mail,
      userCertificate: decode(raw.userCertificate),
      userSMIMECertificate: decode(raw.userSMIMECertificate),
    };
    for (const mail of new Set(raw.mail.map((name) => name.toLowerCase()))) {
      index.set(mail, [...(index.get(mail) ?? []), entry]);
    }
  }
  return index;
}

/** The published entries; the file is looked at again, at most twice a second, when somebody asks. */
export class PublishedEntries {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #index: EntryIndex = new Map();
  #stamp = '';
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly file: string; readonly clock: Clock; readonly logger: Logger }) {
    this.#file = options.file;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Reads the file for the first time. @throws if it cannot be read or is malformed. */
  async load(): Promise<void> {
    const { mtimeMs, size, ino } = await stat(this.#file);
    if (size > MAX_FILE_BYTES) throw new RangeError('entries file is too big');
    const index = parseEntries(await readFile(this.#file, 'utf8'));
    this.#index = index;
    this.#stamp = `${mtimeMs} ${size} ${ino}`;
    this.#logger.info('entries.read', { addresses: index.size });
  }

  /** What is published now. A file that became unreadable leaves what was published before. */
  async current(): Promise<EntryIndex> {
    const now = this.#clock.now().getTime();
    if (now - this.#checkedAt < CHECK_EVERY_MS) return this.#index;
    this.#checkedAt = now;
    try {
      const { mtimeMs, size, ino } = await stat(this.#file);
      if (`${mtimeMs} ${size} ${ino}` !== this.#stamp) await this.load();
    } catch (cause) {
      this.#logger.error('entries.unreadable', { file: this.#file, cause });
    }
    return this.#index;
  }
}
