import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError, syncFolder, writeSynced } from '@sallyport/disk';
import type { AccountEvent } from './account-event.ts';
import { type Accounts, accountsSchema, NO_ACCOUNTS } from './document.ts';
import { AccountsUnavailable, giveToOwner } from './folder.ts';
import { lockFolder } from './lock.ts';
import type { Plan, Refused } from './plan.ts';

const FILE = 'accounts.json';
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** What became of a change. */
export type Changed<R> = { readonly kind: 'done'; readonly result: R } | Refused;

/**
 * The accounts of one gateway in one file, which several processes read and change.
 *
 * Limits: every change writes the whole file; it is small, and changes are rare.
 */
export class AccountStore {
  readonly #folder: string;
  readonly #path: string;
  #known: { readonly mark: string; readonly accounts: Accounts } | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, FILE);
  }

  /** The accounts as they are now; none if there is no file yet. @throws AccountsUnavailable */
  async read(): Promise<Accounts> {
    const mark = await this.#mark();
    if (mark === null) return NO_ACCOUNTS;
    if (this.#known?.mark === mark) return this.#known.accounts;
    const accounts = parseAccounts(await readFile(this.#path, 'utf8'));
    // Kept under the mark of before: if the file was replaced meanwhile it is read once more.
    this.#known = { mark, accounts };
    return accounts;
  }

  /**
   * Makes a change: one at a time, whichever process asks. It is recorded before it is made, so
   * nothing is in the file that is not in the audit log.
   *
   * @throws AccountsUnavailable if the file is broken or others hold it for too long; whatever
   *   `record` throws, and nothing is changed then.
   */
  async change<R>(
    plan: (accounts: Accounts) => Plan<R>,
    record: (event: AccountEvent) => Promise<void>,
  ): Promise<Changed<R>> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    using _lock = await lockFolder(this.#folder);
    const before = await this.read();
    const planned = plan(before);
    if (planned.kind === 'refused') return planned;
    const next = { ...planned.accounts, generation: before.generation + 1 };
    const checked = accountsSchema.safeParse(next);
    if (!checked.success) {
      throw new AccountsUnavailable(`a change would break the accounts: ${checked.error.message}`);
    }
    for (const event of planned.events) await record(event);
    await this.#write(`${JSON.stringify(next, null, 1)}\n`);
    return { kind: 'done', result: planned.result };
  }

  /** Tells one state of the file from another; null if there is none. */
  async #mark(): Promise<string | null> {
    try {
      const found = await stat(this.#path, { bigint: true });
      if (found.size > MAX_FILE_BYTES)
        throw new AccountsUnavailable('the accounts file is too big');
      return `${found.ino}.${found.size}.${found.mtimeNs}.${found.ctimeNs}`;
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return null;
      throw error;
    }
  }

  async #write(text: string): Promise<void> {
    const temporary = join(this.#folder, `.${FILE}.${randomBytes(6).toString('hex')}.new`);
    try {
      await writeSynced(temporary, text, { mode: 0o600, flags: 'wx' });
      await giveToOwner(temporary, this.#folder);
      await rename(temporary, this.#path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(this.#folder);
  }
}

function parseAccounts(text: string): Accounts {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AccountsUnavailable('the accounts file is no JSON', { cause });
  }
  const parsed = accountsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  // The path alone: the values are nobody's business in a log.
  throw new AccountsUnavailable(`the accounts file is broken at ${issue?.path.join('.') ?? ''}`);
}
