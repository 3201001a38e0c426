import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { type KeyRecord, keyRecordSchema } from '../protocols/key-record.ts';
import { keyAlgorithmOf } from './key-algorithm.ts';
import { KeyFileFault, keyFileReason } from './key-file-fault.ts';
import {
  isSealedKey,
  openSealedKey,
  parseSealedKey,
  type SealedKeyFacts,
  sealKey,
} from './sealed-key.ts';
import {
  readPrivateFile,
  type SealDerivation,
  SealingSecret,
  type SealSource,
} from './sealing-secret.ts';

const MAX_RECORDS = 10_000;
const MAX_FILE_BYTES = 1024 * 1024;
const RECORD_END = '.json';
const SEALED_END = '.key.sealed';

/** A private key out of its file. */
export interface OpenedKey {
  readonly privateKey: KeyObject;
  /** False for PKCS#8 in clear, as folders of the first releases have it. */
  readonly isSealed: boolean;
}

/** A key that cannot be used, and why. Its files are left where they are: see decision 023. */
export interface QuarantinedKey {
  /** What its record is called, whether or not it can be read. */
  readonly keyId: string;
  readonly file: string;
  readonly reason: string;
}

/** The keys of a folder: the good ones, and those that are quarantined. */
export interface KeyFolder {
  readonly records: readonly KeyRecord[];
  readonly quarantined: readonly QuarantinedKey[];
}

/** The private key files of one key folder, and the one way to open and to seal them. Writes nothing. */
export class KeyFiles {
  readonly folder: string;
  readonly #source: SealSource | null;
  #secret: Promise<SealingSecret> | null = null;

  /** `source` is null where nothing is known that files could be sealed under. */
  constructor(folder: string, source: SealSource | null) {
    this.folder = folder;
    this.#source = source;
  }

  /**
   * Every record of the folder in the order of their names, and those that are quarantined: a
   * broken one never takes the others away.
   */
  async records(): Promise<KeyFolder> {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith(RECORD_END)).sort();
    const records: KeyRecord[] = [];
    const quarantined: QuarantinedKey[] = [];
    for (const name of names.slice(0, MAX_RECORDS)) {
      const keyId = name.slice(0, -RECORD_END.length);
      try {
        records.push(await this.record(keyId));
      } catch (error) {
        quarantined.push({ keyId, file: join(this.folder, name), reason: keyFileReason(error) });
      }
    }
    if (names.length > MAX_RECORDS) {
      const reason = `the folder has more than the ${MAX_RECORDS} records that are read`;
      quarantined.push({ keyId: 'others', file: this.folder, reason });
    }
    return { records, quarantined };
  }

  /** The same, after opening the private key of every record that has one in a file. */
  async check(): Promise<KeyFolder> {
    const { records, quarantined } = await this.records();
    const found: QuarantinedKey[] = [...quarantined];
    for (const record of records) {
      const file = record.state === 'destroyed' ? null : this.pathOf(record);
      if (file === null) continue;
      await this.open(record).catch((error: unknown) => {
        found.push({ keyId: record.keyId, file, reason: keyFileReason(error) });
      });
    }
    return { records, quarantined: found };
  }

  /** One record. @throws KeyFileFault, ZodError, SyntaxError or an I/O error; see `keyFileReason`. */
  async record(keyId: string): Promise<KeyRecord> {
    const path = join(this.folder, `${keyId}${RECORD_END}`);
    if ((await stat(path)).size > MAX_FILE_BYTES) throw new KeyFileFault('is longer than a record');
    const record = keyRecordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    if (record.keyId === keyId) return record;
    throw new KeyFileFault(`the record is of key ${record.keyId}, so it must be its name`);
  }

  /** Where the private key of a record lies; null if it is on a token or destroyed. */
  pathOf({ privateKeyFile }: KeyRecord): string | null {
    if (privateKeyFile === undefined) return null;
    return isAbsolute(privateKeyFile) ? privateKeyFile : join(this.folder, privateKeyFile);
  }

  /**
   * The private key of a record, checked to be of the record's kind.
   *
   * @throws KeyFileFault if it is not there, does not open, or is another key.
   */
  async open(record: KeyRecord): Promise<OpenedKey> {
    const path = this.pathOf(record);
    if (path === null) throw new KeyFileFault(`the key ${record.keyId} is in no file`);
    const opened = await this.#openFile(path, record).catch((cause: unknown) => {
      const reason = keyFileReason(cause);
      throw new KeyFileFault(reason.includes(path) ? reason : `${path} ${reason}`, { cause });
    });
    if (keyAlgorithmOf(opened.privateKey) === record.algorithm) return opened;
    throw new KeyFileFault(`${path} holds no ${record.algorithm} key`);
  }

  async #openFile(path: string, record: KeyRecord): Promise<OpenedKey> {
    const text = (await readPrivateFile(path, MAX_FILE_BYTES)).toString('latin1');
    if (!isSealedKey(text)) return { privateKey: readPkcs8(text, 'pem'), isSealed: false };
    const pkcs8 = await openSealedKey(text, record, await this.#sealingSecret());
    try {
      return { privateKey: readPkcs8(pkcs8, 'der'), isSealed: true };
    } finally {
      pkcs8.fill(0);
    }
  }

  /** The file of a private key, sealed: its name, and its text for a file of mode 0600. */
  async seal(
    privateKey: KeyObject,
    facts: SealedKeyFacts,
  ): Promise<{ readonly name: string; readonly text: string }> {
    const secret = await this.#sealingSecret();
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
    const text = await sealKey(pkcs8, facts, { secret, like: await this.#anyDerivation() });
    pkcs8.fill(0);
    return { name: `${facts.keyId}${SEALED_END}`, text };
  }

  /** True if a file of the folder is sealed already: then its secret must not be made anew. */
  async hasSealed(): Promise<boolean> {
    return (await this.#sealedNames()).length > 0;
  }

  /** How some file of the folder is sealed; null if there is none that can be read. */
  async #anyDerivation(): Promise<SealDerivation | null> {
    const [name] = await this.#sealedNames();
    if (name === undefined) return null;
    try {
      return parseSealedKey(await readFile(join(this.folder, name), 'utf8')).derivation;
    } catch {
      return null; // a broken one only costs argon2id once more
    }
  }

  async #sealedNames(): Promise<readonly string[]> {
    const names = await readdir(this.folder);
    return names.filter((name) => name.endsWith(SEALED_END)).sort();
  }

  // Only when it is needed: a folder without sealed files works without it.
  #sealingSecret(): Promise<SealingSecret> {
    const source = this.#source;
    if (source === null) {
      return Promise.reject(new KeyFileFault('is sealed, and the config does not say under what'));
    }
    this.#secret ??= SealingSecret.load(source);
    return this.#secret;
  }
}

/** @throws KeyFileFault if the file holds no private key; OpenSSL's own text may quote it. */
function readPkcs8(bytes: Buffer | string, format: 'pem' | 'der'): KeyObject {
  try {
    return createPrivateKey(
      format === 'pem' ? { key: bytes, format } : { key: bytes, format, type: 'pkcs8' },
    );
  } catch {
    throw new KeyFileFault('holds no private key that can be read');
  }
}
