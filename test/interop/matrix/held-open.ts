import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Form, NoPeer, type Peer } from './peer.ts';
import type { EncryptionRow, SignatureRow } from './rows.ts';

/** A program that takes a command a line and answers each with `ok` or why not. */
export interface HeldOpen extends AsyncDisposable {
  /** @throws NoPeer with the answer, if that is not `ok`. */
  ask(...words: readonly string[]): Promise<void>;
  /** The next line that it says by itself. */
  line(): Promise<string>;
}

export function holdOpen(command: string, args: readonly string[]): HeldOpen {
  const child = spawn(command, [...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next: IteratorResult<string, undefined> = await answers.next();
    if (next.done === true) throw new Error(`${command} ended`);
    return next.value;
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    line,
    ask: async (...words) => {
      // One answer belongs to one question: callers at once wait for each other.
      const asked = last.then(async () => {
        child.stdin.write(`${words.join(' ')}\n`);
        return await line();
      });
      last = asked.catch(() => undefined);
      const answer = await asked;
      if (answer !== 'ok') throw new NoPeer(`${words[0]}: ${answer}`);
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** How one program is asked, where its words differ from another's. */
interface HeldOpenPeer extends Pick<Peer, 'name' | 'version'> {
  readonly program: HeldOpen;
  readonly folder: string;
  readonly rootFile: string;
  /** The last words of `sign`. */
  readonly signWords: (row: SignatureRow, form: Form) => readonly string[];
  /** The last words of `encrypt`. */
  readonly encryptWords: (row: EncryptionRow) => readonly string[];
}

/** A peer that takes `sign`, `verify`, `encrypt` and `decrypt` with the names of files. */
export function heldOpenPeer(options: HeldOpenPeer): Omit<Peer, typeof Symbol.asyncDispose> {
  const { program, folder, rootFile, signWords, encryptWords, name, version } = options;
  let count = 0;
  const file = (): string => {
    count += 1;
    return join(folder, `${name}-${count}`);
  };
  const save = async (bytes: Buffer): Promise<string> => {
    const path = file();
    await writeFile(path, bytes);
    return path;
  };
  return {
    name,
    version,
    sign: async (row, signer, content, form) => {
      const out = file();
      const files = [await save(content), out, signer.certificateFile, signer.keyFile];
      await program.ask('sign', ...files, ...signWords(row, form));
      return await readFile(out);
    },
    verify: async (_row, cms, content, form) => {
      const out = file();
      const detached = form === 'detached' ? await save(content) : '-';
      await program.ask('verify', await save(cms), detached, rootFile, out);
      return await readFile(out);
    },
    encrypt: async (row, recipient, content) => {
      const out = file();
      const files = [await save(content), out, recipient.certificateFile];
      await program.ask('encrypt', ...files, ...encryptWords(row));
      return await readFile(out);
    },
    decrypt: async (_row, recipient, cms) => {
      const out = file();
      const { certificateFile, keyFile } = recipient;
      await program.ask('decrypt', await save(cms), out, certificateFile, keyFile);
      return await readFile(out);
    },
  };
}
