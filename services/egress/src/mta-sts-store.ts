import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '@sallyport/disk';
import type { Logger } from '@sallyport/log';
import { type Domain, parseDomain, parseJson } from '@sallyport/mail';
import { BoundedFolder } from '@sallyport/spool';
import type { KnownMtaSts, MtaStsStore } from '@sallyport/transport';
import { z } from 'zod';

const PREFIX = 'policy-';
/** Policies of other domains on disk, 8 KiB at the most each; the oldest go first. */
const MAX_FILES = 10_000;
const MAX_IN_MEMORY = 10_000;

const fileSchema = z.strictObject({
  version: z.literal(1),
  domain: z.string().max(255),
  id: z.string().max(32),
  fetchedAt: z.int().nonnegative(),
  policy: z.strictObject({
    mode: z.enum(['enforce', 'testing', 'none']),
    mx: z.array(z.string().max(257)).max(100),
    maxAgeSeconds: z.int().nonnegative(),
  }),
});

type Loaded = Awaited<ReturnType<MtaStsStore['load']>>;

/** Keeps MTA-STS policies as files of one folder, one for each domain, and those in use in memory. */
export class MtaStsFolder implements MtaStsStore {
  readonly #folder: string;
  readonly #files: BoundedFolder;
  readonly #logger: Logger;
  readonly #inMemory = new Map<Domain, KnownMtaSts>();

  constructor({ folder, logger }: { readonly folder: string; readonly logger: Logger }) {
    this.#folder = folder;
    this.#files = new BoundedFolder(folder, { [PREFIX]: MAX_FILES });
    this.#logger = logger;
  }

  async load(domain: Domain): Promise<Loaded> {
    const remembered = this.#inMemory.get(domain);
    if (remembered !== undefined) return { kind: 'known', known: remembered };
    const loaded = await this.#read(this.#pathOf(domain), domain);
    if (loaded.kind === 'known') this.#remember(domain, loaded.known);
    return loaded;
  }

  /** A disk that takes nothing costs the memory after the next start, not the policy of today. */
  async save(domain: Domain, known: KnownMtaSts): Promise<void> {
    this.#remember(domain, known);
    const text = `${JSON.stringify({ version: 1, domain, ...known })}\n`;
    try {
      await this.#files.write(this.#pathOf(domain), text);
    } catch (cause) {
      this.#logger.error('mta-sts.not-kept', { domain, cause });
    }
  }

  async domains(): Promise<readonly Domain[]> {
    const found = new Set(this.#inMemory.keys());
    for (const name of await readdir(this.#folder)) {
      if (!name.startsWith(PREFIX) || !name.endsWith('.json')) continue;
      const loaded = await this.#read(join(this.#folder, name), null);
      if (loaded.kind === 'known') found.add(loaded.domain);
    }
    return [...found];
  }

  async #read(path: string, domain: Domain | null) {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (cause) {
      if (isSystemError(cause, 'ENOENT')) return { kind: 'nothing' } as const;
      this.#logger.error('mta-sts.not-readable', { path, cause });
      return { kind: 'lost', reason: `${path} cannot be read` } as const;
    }
    // Torn or foreign: told as lost.
    const parsed = fileSchema.safeParse(parseJson(text));
    const named = parseDomain(parsed.data?.domain ?? '');
    if (!parsed.success || named === null || (domain !== null && named !== domain)) {
      return { kind: 'lost', reason: `${path} holds no policy` } as const;
    }
    const { id, fetchedAt, policy } = parsed.data;
    return { kind: 'known', domain: named, known: { id, fetchedAt, policy } } as const;
  }

  #remember(domain: Domain, known: KnownMtaSts): void {
    const [oldest] = this.#inMemory.keys();
    if (this.#inMemory.size >= MAX_IN_MEMORY && oldest !== undefined) this.#inMemory.delete(oldest);
    this.#inMemory.delete(domain);
    this.#inMemory.set(domain, known);
  }

  #pathOf(domain: Domain): string {
    const name = createHash('sha256').update(domain).digest('hex').slice(0, 40);
    return join(this.#folder, `${PREFIX}${name}.json`);
  }
}
