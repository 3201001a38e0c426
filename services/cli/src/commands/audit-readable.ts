import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { EXPORT_FILES } from '@sallyport/audit-index';
import { csvEvent, csvHeader, type RecordedEvent } from '@sallyport/audit-log';

const LINE_FEED = 0x0a;

/** Where a readable file is not what the proof says; 1-based. */
export interface Difference {
  readonly file: string;
  readonly line: number;
}

/** The readable files of an export, compared byte by byte while its events are verified. */
export class ReadableFiles implements Disposable {
  readonly #csv: ReadableFile | null;
  readonly #json: ReadableFile | null;

  /** @throws Error if one is there and cannot be opened. */
  constructor(folder: string) {
    this.#csv = ReadableFile.open(folder, EXPORT_FILES.csv);
    this.#json = ReadableFile.open(folder, EXPORT_FILES.json);
    this.#csv?.expect(csvHeader());
  }

  /** @throws Error of the disk. */
  take({ leaf: _, ...event }: RecordedEvent): void {
    this.#csv?.expect(csvEvent({ ...event, leaf: '' }));
    this.#json?.expect(`${JSON.stringify(event)}\n`);
  }

  /** Those that are there, by name. */
  get names(): string[] {
    return this.#files.map(({ name }) => name);
  }

  /** The first line that is not what the proof says; null if all are. */
  end(): Difference | null {
    for (const file of this.#files) {
      const line = file.end();
      if (line !== null) return { file: file.name, line };
    }
    return null;
  }

  get #files(): ReadableFile[] {
    return [this.#csv, this.#json].flatMap((file) => file ?? []);
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file.close();
  }
}

class ReadableFile {
  readonly name: string;
  readonly #handle: number;
  /** Line feeds in what was as expected. */
  #lineFeeds = 0;
  #isOther = false;

  private constructor(name: string, handle: number) {
    this.name = name;
    this.#handle = handle;
  }

  static open(folder: string, name: string): ReadableFile | null {
    try {
      return new ReadableFile(name, openSync(join(folder, name), 'r'));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  }

  expect(text: string): void {
    if (this.#isOther) return;
    const expected = Buffer.from(text);
    const found = this.#read(expected.length);
    let at = 0;
    for (; at < found.length && found[at] === expected[at]; at += 1) {
      if (found[at] === LINE_FEED) this.#lineFeeds += 1;
    }
    this.#isOther = at < expected.length;
  }

  end(): number | null {
    const isWhole = !this.#isOther && this.#read(1).length === 0;
    return isWhole ? null : this.#lineFeeds + 1;
  }

  #read(sizeBytes: number): Buffer {
    const bytes = Buffer.alloc(sizeBytes);
    let done = 0;
    while (done < sizeBytes) {
      const read = readSync(this.#handle, bytes, done, sizeBytes - done, null);
      if (read === 0) break;
      done += read;
    }
    return bytes.subarray(0, done);
  }

  close(): void {
    closeSync(this.#handle);
  }
}
