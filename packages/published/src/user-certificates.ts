import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifGone } from '@sallyport/disk';
import type { UserCertificate, UserKeys } from './record.ts';
import { StoreFile } from './store-file.ts';

/** More than one person's: whoever is answered with more could list what is here. */
const MAX_MATCHES = 16;

/** The name of the one file in the folder of users' certificates. */
export function certificatesFile(folder: string): string {
  return join(folder, 'certificates');
}

/** What was found under a key that several certificates may have. */
export type KeyMatches =
  | { readonly kind: 'certificates'; readonly certificates: readonly UserCertificate[] }
  /** So many that they are not told. */
  | { readonly kind: 'too-many' };

interface Opened {
  readonly inode: number;
  readonly store: StoreFile;
}

/** Users' certificates in a folder, read only. Whoever asks after an append calls `refresh` first. */
export class UserCertificates {
  readonly #path: string;
  #opened: Opened | null = null;
  #refreshing: Promise<void> | null = null;

  constructor(folder: string) {
    this.#path = certificatesFile(folder);
  }

  /** Records in the file, replaced and removed ones among them. */
  get records(): number {
    return this.#opened?.store.rows ?? 0;
  }

  /** Lines that cannot be read; the rest is published all the same. */
  get damaged(): number {
    return this.#opened?.store.damaged ?? 0;
  }

  /** Octets of whole lines; what lies behind them was torn by a crash. */
  get end(): number {
    return this.#opened?.store.end ?? 0;
  }

  /** What the index takes in memory. */
  get indexBytes(): number {
    return this.#opened?.store.indexBytes ?? 0;
  }

  /** Takes in what is new in the file. No file is no certificate. @throws if it cannot be read. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
  }

  /** The newest certificate of each use that an address has; the address must be folded. */
  async ofAddress(address: string): Promise<readonly UserCertificate[]> {
    const store = this.#opened?.store;
    if (store === undefined) return [];
    return await store.use(() => currentOf(store, address));
  }

  /** Certificates in force with a search key (RFC 4387 section 2.2). */
  async ofKey(attribute: keyof UserKeys, value: string): Promise<KeyMatches> {
    const store = this.#opened?.store;
    if (store === undefined) return { kind: 'certificates', certificates: [] };
    return await store.use(async () => {
      const certificates: UserCertificate[] = [];
      for (const record of await store.recordsOf(attribute, value)) {
        const has = record.kind === 'certificate' && record.keys[attribute].includes(value);
        if (!has || (await addressesInForce(store, record)).length === 0) continue;
        if (certificates.length === MAX_MATCHES) return { kind: 'too-many' };
        certificates.push(record);
      }
      return { kind: 'certificates', certificates };
    });
  }

  /**
   * Every certificate in force, with the addresses for which it is. For people at the command line,
   * not for strangers.
   */
  async *all(): AsyncGenerator<UserCertificate> {
    const store = this.#opened?.store;
    if (store === undefined) return;
    for await (const record of store.records()) {
      if (record.kind === 'removal') continue;
      const mail = await addressesInForce(store, record);
      if (mail.length > 0) yield { ...record, mail };
    }
  }

  async close(): Promise<void> {
    await this.#opened?.store.close();
    this.#opened = null;
  }

  async #read(): Promise<void> {
    const found = await stat(this.#path).catch(ifGone(null));
    if (found === null) return await this.close();
    const opened = this.#opened;
    if (opened?.inode === found.ino && found.size >= opened.store.end) {
      if (found.size > opened.store.end) await opened.store.extend();
      return;
    }
    // Another file, or a shorter one: the old index serves until the new one is whole.
    const store = await StoreFile.open(this.#path);
    await store.extend();
    this.#opened = { inode: found.ino, store };
    await opened?.store.close();
  }
}

async function currentOf(store: StoreFile, address: string): Promise<readonly UserCertificate[]> {
  const newest = new Map<string, UserCertificate>();
  for (const record of await store.recordsOf('mail', address)) {
    if (!record.mail.includes(address)) continue;
    if (record.kind === 'removal') {
      newest.clear();
      continue;
    }
    const known = newest.get(record.use);
    if (known === undefined || known.notBefore <= record.notBefore) newest.set(record.use, record);
  }
  return [...newest.values()];
}

async function addressesInForce(
  store: StoreFile,
  { mail, der }: UserCertificate,
): Promise<readonly string[]> {
  const inForce: string[] = [];
  for (const address of mail) {
    const current = await currentOf(store, address);
    if (current.some((one) => one.der.equals(der))) inForce.push(address);
  }
  return inForce;
}
