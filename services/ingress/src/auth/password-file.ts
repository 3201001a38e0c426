import { formatMailbox, type Mailbox } from '@sallyport/mail';
import { type HashCost, type PasswordHash, parsePasswordHash } from '@sallyport/password';

export interface Login {
  readonly login: string;
  readonly hash: PasswordHash;
  /** Domains and mailboxes that this login may use as reverse-path; null for all of ours. */
  readonly mayUse: readonly string[] | null;
}

export type PasswordFile =
  | { readonly kind: 'logins'; readonly logins: ReadonlyMap<string, Login> }
  | { readonly kind: 'malformed'; readonly line: number; readonly reason: string };

/** The file is ours, but no line of it may take more than a gibibyte. */
const MAX_COST: HashCost = { memoryKib: 1_048_576, passes: 999, parallelism: 99 };
const MAX_LOGINS = 100_000;

/**
 * Parses the password file: a line `login:hash` or `login:hash:domain,mailbox,…` for each login;
 * empty lines and lines that begin with `#` are comments.
 */
export function parsePasswordFile(text: string): PasswordFile {
  const logins = new Map<string, Login>();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [login = '', phc = '', uses, ...rest] = line.split(':');
    const hash = parsePasswordHash(phc, MAX_COST);
    const reason = faultOfLine({ login, hash, rest, logins });
    if (hash === null || reason !== null) {
      return { kind: 'malformed', line: index + 1, reason: reason ?? 'no argon2id hash' };
    }
    const mayUse = uses === undefined || uses === '' ? null : uses.toLowerCase().split(',');
    logins.set(login, { login, hash, mayUse });
  }
  return { kind: 'logins', logins };
}

function faultOfLine(of: {
  readonly login: string;
  readonly hash: PasswordHash | null;
  readonly rest: readonly string[];
  readonly logins: ReadonlyMap<string, Login>;
}): string | null {
  if (of.login === '' || Buffer.byteLength(of.login) > 255) return 'login is empty or too long';
  if (of.logins.has(of.login)) return 'login stands twice';
  if (of.logins.size >= MAX_LOGINS) return `more than ${MAX_LOGINS} logins`;
  if (of.hash === null) return 'no argon2id hash';
  return of.rest.length > 0 ? 'too many fields' : null;
}

/** True if the login may use the mailbox as reverse-path. */
export function mayUse(login: Login, mailbox: Mailbox): boolean {
  if (login.mayUse === null) return true;
  const address = formatMailbox(mailbox).toLowerCase();
  return login.mayUse.some((entry) => entry === address || entry === mailbox.domain);
}
