import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError, replaceFile } from '@sallyport/disk';
import type { Logger } from '@sallyport/log';
import { type AlertState, alertStateSchema, NO_ALERTS } from './incidents.ts';

/** The alerts that were sent, in a small file, so that a restart does not send them again. */
export class StateFile {
  readonly #path: string;
  #written = '';

  constructor(folder: string) {
    this.#path = join(folder, 'alerts.json');
  }

  /** What was remembered; nothing if there is no file, or none that can be read. */
  async read(logger: Logger): Promise<AlertState> {
    try {
      return alertStateSchema.parse(JSON.parse(await readFile(this.#path, 'utf8')));
    } catch (cause) {
      if (!isSystemError(cause, 'ENOENT')) logger.error('alerts.state-unreadable', { cause });
      return NO_ALERTS;
    }
  }

  /** Replaces it as a whole, if anything changed. @throws Error of the disk. */
  async write(state: AlertState): Promise<void> {
    const text = JSON.stringify(state);
    if (text === this.#written) return;
    await replaceFile(this.#path, text, 0o600);
    this.#written = text;
  }
}
