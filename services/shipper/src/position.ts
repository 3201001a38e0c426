import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const positionSchema = z.strictObject({
  /** For people: the file's name is a hash. */
  target: z.string(),
  size: z.int().nonnegative(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
type Shipped = z.infer<typeof positionSchema>;

/** What one target got last, in a small file. Lost, it costs one copy more. */
export class Position {
  readonly #folder: string;
  readonly #path: string;
  readonly #target: string;

  /** `key` says all that makes it another target. */
  constructor(folder: string, target: string, key = target) {
    const name = createHash('sha256').update(key).digest('hex').slice(0, 16);
    this.#folder = folder;
    this.#path = join(folder, `${name}.json`);
    this.#target = target;
  }

  /** Null if nothing is known. */
  async read(): Promise<Shipped | null> {
    try {
      return positionSchema.parse(JSON.parse(await readFile(this.#path, 'utf8')));
    } catch {
      return null;
    }
  }

  /** @throws Error of the disk. */
  async write(of: { readonly size: number; readonly hash: string }): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const text = JSON.stringify({ target: this.#target, size: of.size, hash: of.hash });
    await writeFile(`${this.#path}.new`, `${text}\n`, { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
  }
}
