import { type FileHandle, open } from 'node:fs/promises';
import { KeyTable } from './key-table.ts';
import { type Line, readLines } from './lines.ts';
import {
  MAX_LINE_BYTES,
  parseRecord,
  parseRecordKeys,
  type RecordKeys,
  type StoreRecord,
} from './record.ts';

const FIRST_ROWS = 1_024;
const GROWTH = 1.3;
/** Most lines fit; what does not is read in one more go. */
const FIRST_READ_BYTES = 4 * 1024;
const NEWLINE = 0x0a;

/** One open file of records with the index that is made of it: about 64 bytes a certificate. */
export class StoreFile {
  readonly #file: FileHandle;
  readonly #table = new KeyTable();
  #offsets = new Float64Array(FIRST_ROWS);
  #rows = 0;
  #users = 0;
  #isClosing = false;
  /** Octets of whole lines that the index has seen. */
  end = 0;
  /** Lines that could not be read: whoever looks says so. */
  damaged = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @throws if the file is not there or may not be read. */
  static async open(path: string): Promise<StoreFile> {
    return new StoreFile(await open(path, 'r'));
  }

  /** Records in the file, replaced and removed ones among them. */
  get rows(): number {
    return this.#rows;
  }

  /** What the index takes in memory. */
  get indexBytes(): number {
    return this.#table.bytes + this.#offsets.byteLength;
  }

  /** Takes in the lines that were appended since the last time. */
  async extend(): Promise<void> {
    for await (const line of readLines(this.#file, this.end)) {
      const record = line.bytes.length === 0 ? null : parseRecordKeys(line.bytes);
      if (record === null) this.damaged += 1;
      else this.#index(record, line);
      this.end = line.end;
    }
  }

  /** Records whose key is or may be this one, oldest first. */
  async recordsOf(kind: string, value: string): Promise<StoreRecord[]> {
    const records: StoreRecord[] = [];
    for (const row of this.#table.rowsOf(`${kind} ${value}`)) {
      const record = parseRecord(await this.#line(this.#offsets[row] ?? 0));
      if (record !== null) records.push(record);
    }
    return records;
  }

  /** All records, oldest first. */
  async *records(): AsyncGenerator<StoreRecord> {
    for (let row = 0; row < this.#rows; row += 1) {
      const record = parseRecord(await this.#line(this.#offsets[row] ?? 0));
      if (record !== null) yield record;
    }
  }

  /** Runs something that reads; the file stays open for it. */
  async use<T>(read: () => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await read();
    } finally {
      this.#users -= 1;
      if (this.#isClosing && this.#users === 0) await this.#file.close();
    }
  }

  /** Closes when the last reader is done. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#users === 0) await this.#file.close();
  }

  #index({ mail, keys }: RecordKeys, { offset }: Line): void {
    if (this.#rows === this.#offsets.length) {
      const grown = new Float64Array(Math.ceil(this.#rows * GROWTH));
      grown.set(this.#offsets);
      this.#offsets = grown;
    }
    const row = this.#rows;
    this.#offsets[row] = offset;
    this.#rows += 1;
    for (const address of mail) this.#table.add(`mail ${address}`, row);
    for (const [kind, values] of Object.entries(keys ?? {})) {
      for (const value of values) this.#table.add(`${kind} ${value}`, row);
    }
  }

  async #line(offset: number): Promise<Buffer> {
    for (const size of [FIRST_READ_BYTES, MAX_LINE_BYTES]) {
      const bytes = Buffer.allocUnsafe(size);
      const { bytesRead } = await this.#file.read(bytes, 0, size, offset);
      const end = bytes.subarray(0, bytesRead).indexOf(NEWLINE);
      if (end >= 0) return bytes.subarray(0, end + 1);
    }
    return Buffer.alloc(0);
  }
}
