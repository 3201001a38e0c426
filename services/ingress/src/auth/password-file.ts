import { formatMailbox, type Mailbox } from '@sallyport/mail';

/** One argon2id hash in the PHC form `$argon2id$v=19$m=…,t=…,p=…$salt$tag`. */
export interface PasswordHash {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

export interface Login {
  readonly login: string;
  readonly hash: PasswordHash;
  /** Domains and mailboxes that this login may use as reverse-path; null for all of ours. */
  readonly mayUse: readonly string[] | null;
}

export type PasswordFile =
  | { readonly kind: 'logins'; readonly logins: ReadonlyMap<string, Login> }
  | { readonly kind: 'malformed'; readonly line: number; readonly reason: string };

/** RFC 9106 section 4, the second recommended option. */
export const DEFAULT_HASH_PARAMETERS = { memoryKib: 65_536, passes: 3, parallelism: 4 } as const;

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;
const MAX_MEMORY_KIB = 1_048_576;
const MAX_LOGINS = 100_000;

/** @returns null if it is no argon2id hash, or one that would cost more than a gibibyte. */
export function parsePasswordHash(text: string): PasswordHash | null {
  const match = PHC.exec(text);
  if (match === null) return null;
  const [, memory, passes, parallelism, salt = '', tag = ''] = match;
  const hash = {
    memoryKib: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
  if (hash.passes < 1 || hash.parallelism < 1 || hash.memoryKib > MAX_MEMORY_KIB) return null;
  return hash.memoryKib >= 8 * hash.parallelism ? hash : null;
}

export function formatPasswordHash(hash: PasswordHash): string {
  const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  const cost = `m=${hash.memoryKib},t=${hash.passes},p=${hash.parallelism}`;
  return `$argon2id$v=19$${cost}$${text(hash.salt)}$${text(hash.tag)}`;
}

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
    const hash = parsePasswordHash(phc);
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
