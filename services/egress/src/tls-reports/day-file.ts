import { appendFile, open, readFile } from 'node:fs/promises';
import { ifGone, replaceFile } from '@sallyport/disk';
import { parseJson } from '@sallyport/mail';
import { type TlsCount, TlsTally, tlsCountSchema } from '@sallyport/transport';
import { z } from 'zod';

/** From here on the lines are added up and the file is written anew. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** Lines that wait for the disk; what is counted beyond is lost, mail is not kept waiting. */
const MAX_PENDING = 10_000;

const progressSchema = z.strictObject({
  domain: z.string(),
  /** `planned`: the mail has its queue id. `done`: sent, or not wanted. */
  progress: z.enum(['planned', 'done']),
  queueId: z.string().optional(),
});
type Progress = z.infer<typeof progressSchema>;

const lineSchema = z.union([tlsCountSchema, progressSchema]);

/**
 * What was counted on one UTC day, and which reports over it are done: a file of JSON lines, in
 * memory as sums. A count is on disk within moments, and survives the end of the process; only a
 * crash of the machine may lose the last seconds. What is said of progress is synced.
 */
export class DayFile {
  readonly #path: string;
  readonly #tally = new TlsTally();
  readonly #progress = new Map<string, Progress>();
  #pending: string[] = [];
  #writing: Promise<void> = Promise.resolve();
  #bytes = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Of a day of which nothing is on disk. */
  static new(path: string): DayFile {
    return new DayFile(path);
  }

  /** Reads what there is; a line that was torn by a crash is left out. */
  static async open(path: string): Promise<DayFile> {
    const day = new DayFile(path);
    const text = await readFile(path, 'utf8').catch(ifGone(''));
    for (const line of text.split('\n')) day.#read(line);
    if (text !== '') await day.#rewrite();
    return day;
  }

  /** Domains that something was counted of. */
  get domains(): readonly string[] {
    return this.#tally.domains;
  }

  get tally(): TlsTally {
    return this.#tally;
  }

  isDone(domain: string): boolean {
    return this.#progress.get(domain)?.progress === 'done';
  }

  /** The queue id that a report got before a crash, so that it gets no second one. */
  plannedId(domain: string): string | null {
    return this.#progress.get(domain)?.queueId ?? null;
  }

  count(count: TlsCount): void {
    this.#tally.add(count);
    if (this.#pending.length < MAX_PENDING) this.#pending.push(`${JSON.stringify(count)}\n`);
  }

  /** Puts on disk what was counted. @throws if the disk does not take it. */
  async flush(): Promise<void> {
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#append());
    await this.#writing;
  }

  /** @returns once it is on disk. */
  async setProgress(progress: Progress): Promise<void> {
    this.#progress.set(progress.domain, progress);
    this.#pending.push(`${JSON.stringify(progress)}\n`);
    await this.flush();
    await synced(this.#path);
  }

  #read(line: string): void {
    if (line === '') return;
    const parsed = lineSchema.safeParse(parseJson(line));
    if (!parsed.success) return;
    if ('progress' in parsed.data) this.#progress.set(parsed.data.domain, parsed.data);
    else this.#tally.add(parsed.data);
  }

  async #append(): Promise<void> {
    const lines = this.#pending;
    if (lines.length === 0) return;
    this.#pending = [];
    const text = lines.join('');
    await appendFile(this.#path, text, { mode: 0o600 });
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > MAX_FILE_BYTES) await this.#rewrite();
  }

  async #rewrite(): Promise<void> {
    // What waits is in the sums; what comes from here on goes behind them.
    const all = [...this.#tally.counts(), ...this.#progress.values()];
    this.#pending = [];
    const text = all.map((one) => `${JSON.stringify(one)}\n`).join('');
    await replaceFile(this.#path, text, 0o600);
    // Counted from here: sums that are long of themselves are not written anew with each line.
    this.#bytes = 0;
  }
}

async function synced(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
