import { stat } from 'node:fs/promises';
import { note } from './output.ts';
import { readStandardInput, readTextFile } from './read-input.ts';
import { Complaint } from './run.ts';

const CTRL_C = '\u0003';
const END = ['\r', '\n', '\u0004'];
const ERASE = ['\u007f', '\b'];
const MAX_SECRET_CHARS = 1_024;

/** Where a secret comes from: a file, standard input as `-`, or the terminal. */
export interface SecretSource {
  readonly file: string | undefined;
  /** What the terminal is asked, for example `Passphrase of the CA key`. */
  readonly what: string;
  /** The option that names a file instead. */
  readonly option: string;
  /** A new secret is asked for twice. */
  readonly isNew: boolean;
}

/** A secret that is not shown and not in the command line. @throws Complaint if there is none. */
export async function readSecret(source: SecretSource): Promise<string> {
  const secret = source.file === undefined ? await ask(source) : await fromFile(source.file);
  if (secret === '') throw new Complaint(`${source.what} must not be empty.`);
  return secret;
}

async function fromFile(file: string): Promise<string> {
  if (file === '-') return firstLine((await readStandardInput()).toString('utf8'));
  if (((await stat(file)).mode & 0o077) !== 0)
    note(`${file} may be read by others; set its mode to 600.`);
  return firstLine(await readTextFile(file));
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}

async function ask({ what, option, isNew }: SecretSource): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new Complaint(
      `${what} is needed: run this in a terminal, or name a file with ${option}.`,
    );
  }
  const secret = await askOnce(`${what}: `);
  if (isNew && (await askOnce('Once more: ')) !== secret) {
    throw new Complaint('The two are not the same; nothing was done.');
  }
  return secret;
}

async function askOnce(prompt: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const { stdin } = process;
  let typed = '';
  const onData = (chunk: Buffer): void => {
    for (const key of chunk.toString('utf8')) {
      if (END.includes(key)) resolve(typed);
      else if (key === CTRL_C) reject(new Complaint('Given up; nothing was done.'));
      else if (ERASE.includes(key)) typed = typed.slice(0, -1);
      else if (typed.length < MAX_SECRET_CHARS) typed += key;
    }
  };
  // Before the prompt: whoever types fast must not see it echoed.
  stdin.setRawMode(true);
  stdin.on('data', onData);
  stdin.resume();
  process.stderr.write(prompt);
  try {
    return await promise;
  } finally {
    stdin.off('data', onData);
    stdin.setRawMode(false);
    stdin.pause();
    process.stderr.write('\n');
  }
}
