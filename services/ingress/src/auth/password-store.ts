import { stat } from 'node:fs/promises';
import type { Logger } from '@sallyport/log';
import { readSecretFile } from '../secret-file.ts';
import { type Login, parsePasswordFile } from './password-file.ts';

/** The password file as it is on disk now: `user add` needs no restart. */
export class PasswordStore {
  readonly #path: string;
  readonly #logger: Logger;
  #logins: ReadonlyMap<string, Login>;
  #version = '';

  /** @throws Error with path and reason if the file cannot be used. */
  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
    this.#logins = this.#load();
  }

  /** The logins of the last good state of the file. */
  get logins(): ReadonlyMap<string, Login> {
    return this.#logins;
  }

  /** Reads the file again if it has changed. A file that has become bad changes nothing. */
  async refreshed(): Promise<ReadonlyMap<string, Login>> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version !== this.#version) {
        this.#version = version;
        this.#logins = this.#load();
      }
    } catch (cause) {
      this.#logger.error('logins.not-reloaded', { cause });
    }
    return this.#logins;
  }

  #load(): ReadonlyMap<string, Login> {
    const file = parsePasswordFile(readSecretFile(this.#path));
    if (file.kind === 'logins') return file.logins;
    throw new Error(`${this.#path}: line ${file.line}: ${file.reason}`);
  }
}
