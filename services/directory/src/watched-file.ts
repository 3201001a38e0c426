import { readFile, stat } from 'node:fs/promises';
import { ifGone } from '@sallyport/disk';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';

const CHECK_EVERY_MS = 500;

interface WatchedOptions<T> {
  readonly path: string;
  readonly maxBytes: number;
  readonly parse: (bytes: Buffer) => T;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A small published file; it is looked at again, at most twice a second, when somebody asks. */
export class WatchedFile<T> {
  readonly #options: WatchedOptions<T>;
  #value: T | null = null;
  #stamp = '';
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(options: WatchedOptions<T>) {
    this.#options = options;
  }

  /** Reads the file if it changed. Null if it is not there. @throws if it cannot be used. */
  async load(): Promise<T | null> {
    const { path, maxBytes, parse } = this.#options;
    const found = await stat(path).catch(ifGone(null));
    const stamp = found === null ? '' : `${found.mtimeMs} ${found.size} ${found.ino}`;
    if (stamp === this.#stamp) return this.#value;
    if (found === null) this.#value = null;
    else {
      if (found.size > maxBytes) throw new RangeError(`${path} is longer than ${maxBytes} bytes`);
      this.#value = parse(await readFile(path));
    }
    this.#stamp = stamp;
    return this.#value;
  }

  /** What is published now. A file that became unusable leaves what was published before. */
  async current(): Promise<T | null> {
    const now = this.#options.clock.now().getTime();
    if (now - this.#checkedAt < CHECK_EVERY_MS) return this.#value;
    this.#checkedAt = now;
    try {
      return await this.load();
    } catch (cause) {
      this.#options.logger.error('published.unusable', { file: this.#options.path, cause });
      return this.#value;
    }
  }
}
