import { readFile } from 'node:fs/promises';
import { isSystemError } from '@sallyport/disk';
import { formatPasswordHash, hashPassword, RECOMMENDED_COST } from '@sallyport/password';
import { writeWhole } from '../gateway/files.ts';
import { readSecret } from './ask-secret.ts';
import { openGatewayConfig } from './gateway-access.ts';
import { print, printJson } from './output.ts';
import { Complaint } from './run.ts';

const MAX_LOGIN_BYTES = 255;

export interface UserOptions {
  readonly config: string;
  readonly passwordFile?: string;
  readonly mayUse?: string;
  readonly replace?: boolean;
  readonly json?: boolean;
}

/** A line `login:hash[:domain,mailbox,…]` of the password file, or a comment. */
function loginOf(line: string): string | null {
  const text = line.trim();
  return text === '' || text.startsWith('#') ? null : (text.split(':')[0] ?? null);
}

async function passwordFile(configFile: string): Promise<string> {
  const { config } = await openGatewayConfig(configFile);
  const file = config.ingress.submission?.passwordFile;
  if (file !== undefined) return file;
  throw new Complaint(`${configFile} has no ingress.submission, so nobody can log in.`);
}

async function readLines(file: string): Promise<string[]> {
  try {
    const lines = (await readFile(file, 'utf8')).split(/\r?\n/);
    return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

async function writeLines(file: string, lines: readonly string[]): Promise<void> {
  await writeWhole(file, lines.map((line) => `${line}\n`).join(''), 0o600);
}

/** Lets somebody log in to submission. */
export async function runUserAdd(login: string, options: UserOptions): Promise<number> {
  if (!/^[^:\s#\p{Cc}][^:\p{Cc}]*$/u.test(login) || Buffer.byteLength(login) > MAX_LOGIN_BYTES) {
    throw new Complaint('A login has 1 to 255 octets, no colon and no control character.');
  }
  const file = await passwordFile(options.config);
  if (!options.replace && (await readLines(file)).some((line) => loginOf(line) === login)) {
    throw new Complaint(`${login} can log in already; give --replace for a new password.`);
  }
  const what = `Password of ${login}`;
  const source = { file: options.passwordFile, option: '--password-file', what, isNew: true };
  const hash = formatPasswordHash(await hashPassword(await readSecret(source), RECOMMENDED_COST));
  const uses = options.mayUse === undefined ? '' : `:${checkUses(options.mayUse)}`;
  const others = (await readLines(file)).filter((line) => loginOf(line) !== login);
  await writeLines(file, [...others, `${login}:${hash}${uses}`]);
  print(`${login} can log in to submission.`);
  return 0;
}

function checkUses(text: string): string {
  const uses = text.toLowerCase();
  if (/^[^\s:,]+(,[^\s:,]+)*$/.test(uses)) return uses;
  throw new Complaint('--may-use takes domains and addresses, separated by commas.');
}

/** Takes a login away. */
export async function runUserRemove(login: string, options: UserOptions): Promise<number> {
  const file = await passwordFile(options.config);
  const lines = await readLines(file);
  const kept = lines.filter((line) => loginOf(line) !== login);
  if (kept.length === lines.length) throw new Complaint(`${login} is no login of this gateway.`);
  await writeLines(file, kept);
  print(`${login} can no longer log in.`);
  return 0;
}

/** Prints who can log in, and what reverse-paths each may use. */
export async function runUserList(options: UserOptions): Promise<number> {
  for (const line of await readLines(await passwordFile(options.config))) {
    const login = loginOf(line);
    if (login === null) continue;
    const uses = line.trim().split(':')[2] ?? '';
    const mayUse = uses === '' ? null : uses.split(',');
    if (options.json === true) printJson({ login, mayUse });
    else print(mayUse === null ? login : `${login}  ${mayUse.join(', ')}`);
  }
  return 0;
}
