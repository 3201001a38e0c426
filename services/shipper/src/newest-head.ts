import { createPublicKey, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  LOG_KEY_FILE,
  parseLogLine,
  parseSegmentName,
  type SignedHead,
  splitLines,
  verifyHead,
} from '@sallyport/audit-log';

/** Where a look for heads goes on: right after a head, for nothing before one is ever cut. */
interface Place {
  readonly segment: string;
  readonly offset: number;
}

/** The newest head of the log; `unsigned` if what stands there is not of the log key. */
export type FoundHead =
  | { readonly kind: 'head'; readonly head: SignedHead }
  | { readonly kind: 'none' }
  | { readonly kind: 'unsigned'; readonly segment: string };

/** Follows the end of an audit folder; each look reads only what was added since the one before. */
export class NewestHead {
  readonly #folder: string;
  #place: Place | null = null;
  #found: FoundHead = { kind: 'none' };
  #looking: Promise<FoundHead> | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Looks again. Those who ask meanwhile get the same answer. @throws Error of the disk. */
  look(): Promise<FoundHead> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<FoundHead> {
    const names = (await readdir(this.#folder))
      .filter((name) => parseSegmentName(name) !== null)
      .sort();
    await this.#forgetWhatWasCut(names);
    const place = this.#place;
    if (place === null) return await this.#lookBack(names);
    for (const name of names.filter((one) => one >= place.segment)) {
      await this.#readFrom(name, name === place.segment ? place.offset : 0);
    }
    return this.#found;
  }

  /** From the newest segment back to the first one that has a head. */
  async #lookBack(names: readonly string[]): Promise<FoundHead> {
    for (const name of names.toReversed()) {
      if (await this.#readFrom(name, 0)) break;
    }
    return this.#found;
  }

  async #forgetWhatWasCut(names: readonly string[]): Promise<void> {
    const place = this.#place;
    if (place === null) return;
    const isThere =
      names.includes(place.segment) &&
      (await stat(join(this.#folder, place.segment))).size >= place.offset;
    if (isThere) return;
    this.#place = null;
    this.#found = { kind: 'none' };
  }

  /** @returns true if there was a head. */
  async #readFrom(segment: string, start: number): Promise<boolean> {
    let newest: { head: SignedHead; offset: number } | null = null;
    for await (const { text, offset, sizeBytes } of splitLines(
      createReadStream(join(this.#folder, segment), { start }),
    )) {
      if (text?.startsWith('{"head":') !== true) continue;
      const line = parseLogLine(text);
      if (line === null || !('head' in line)) continue;
      newest = { head: line.head, offset: start + offset + sizeBytes };
    }
    if (newest === null) return false;
    const isSigned = verifyHead(newest.head, await this.#logKey());
    this.#found = isSigned ? { kind: 'head', head: newest.head } : { kind: 'unsigned', segment };
    this.#place = { segment, offset: newest.offset };
    return true;
  }

  async #logKey(): Promise<KeyObject> {
    return createPublicKey(await readFile(join(this.#folder, LOG_KEY_FILE)));
  }
}
