import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runOk } from '../harness/process.ts';

/** What libcrypto says to one question. */
export type OracleAnswer =
  | { readonly kind: 'yes'; readonly content: Buffer }
  | { readonly kind: 'no'; readonly reason: string };

/** libcrypto's CMS in one process that stays, so that a question costs a pipe and no start. */
export interface Oracle extends AsyncDisposable {
  /** Are all signatures good by the keys that are named? `detached` is null for embedded content. */
  verify(cms: Buffer, detached: Buffer | null): Promise<OracleAnswer>;
  /** The content, with the key of that place in the list. */
  decrypt(cms: Buffer, key: number): Promise<OracleAnswer>;
}

function lengthOctets(length: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(length);
  return octets;
}

class PipeOracle implements Oracle {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((answer: OracleAnswer) => void)[] = [];
  readonly #ended: Promise<unknown>;
  #bytes: Buffer = Buffer.alloc(0);
  #errors = '';
  #failed: ((error: Error) => void) | null = null;

  constructor(program: string, pemFiles: readonly string[]) {
    this.#child = spawn(program, [...pemFiles], { stdio: 'pipe' });
    this.#ended = once(this.#child, 'close');
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString('latin1');
    });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#child.once('close', () => this.#failed?.(new Error(`the oracle ended: ${this.#errors}`)));
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 4) {
      const length = this.#bytes.readUInt32BE(0);
      if (this.#bytes.length < 4 + length) return;
      const body = this.#bytes.subarray(5, 4 + length);
      const isYes = this.#bytes[4] === 1;
      this.#bytes = this.#bytes.subarray(4 + length);
      const answer: OracleAnswer = isYes
        ? { kind: 'yes', content: Buffer.from(body) }
        : { kind: 'no', reason: body.toString('latin1') };
      this.#waiting.shift()?.(answer);
    }
  }

  async #ask(...parts: Buffer[]): Promise<OracleAnswer> {
    const body = Buffer.concat(parts);
    return await new Promise<OracleAnswer>((resolve, reject) => {
      this.#failed = reject;
      this.#waiting.push(resolve);
      this.#child.stdin.write(Buffer.concat([lengthOctets(body.length), body]));
    });
  }

  verify(cms: Buffer, detached: Buffer | null): Promise<OracleAnswer> {
    const content = detached ?? Buffer.alloc(0);
    const flags = Buffer.of(detached === null ? 0 : 1);
    return this.#ask(Buffer.from('V'), flags, lengthOctets(content.length), content, cms);
  }

  decrypt(cms: Buffer, key: number): Promise<OracleAnswer> {
    return this.#ask(Buffer.from('D'), Buffer.of(key), cms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failed = null;
    this.#child.stdin.end();
    await this.#ended;
  }
}

/** Compiles the program into the folder and starts it with these certificates and keys. */
export async function startOracle(folder: string, pemFiles: readonly string[]): Promise<Oracle> {
  const source = fileURLToPath(new URL('./openssl-oracle.c', import.meta.url));
  const program = join(folder, 'openssl-oracle');
  await runOk('gcc', ['-O1', '-o', program, source, '-lcrypto']);
  return new PipeOracle(program, pemFiles);
}
