import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

/** What a process left behind. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly text: string;
  readonly stderr: string;
}

/** Runs the command line as people do: a process of its own. */
export async function sallyport(
  args: readonly string[],
  input: string | Buffer = '',
): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'pipe' });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => {}); // it may end before it has read all
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const bytes = Buffer.concat(stdout);
  return {
    code,
    stdout: bytes,
    text: bytes.toString('utf8'),
    stderr: Buffer.concat(stderr).toString(),
  };
}

/** Starts `serve`; resolves when the gateway is ready, to a function that stops it. */
export async function serve(args: readonly string[]): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, [MAIN, 'serve', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('"gateway.ready"')) resolve();
    });
    child.once('exit', () => reject(new Error(`serve ended: ${log}`)));
  });
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

/** OpenSSL's own command line, as a peer. @throws Error with what it said. */
export function openssl(args: readonly string[]): Buffer {
  const ran = spawnSync('openssl', args, { maxBuffer: MAX_OUTPUT_BYTES });
  if (ran.status !== 0) throw new Error(`openssl ${args.join(' ')}: ${ran.stderr?.toString()}`);
  return ran.stdout;
}

/** `NAME.key` and `NAME.pem` in the folder: an RSA key and OpenSSL's own certificate for it. */
export function opensslCertificate(
  folder: string,
  name: string,
  extensions: readonly string[],
): void {
  const added = [...extensions, 'basicConstraints=critical,CA:FALSE'].flatMap((one) => [
    '-addext',
    one,
  ]);
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', join(folder, `${name}.key`)];
  const out = ['-out', join(folder, `${name}.pem`), '-days', '30', '-subj', `/CN=${name}`];
  openssl(['req', '-x509', ...key, ...out, ...added]);
}

/** True if there is an OpenSSL to test against. */
export function hasOpenssl(): boolean {
  return spawnSync('openssl', ['version']).status === 0;
}

/** A folder of its own, short enough for sockets, and how to take it away. */
export async function scratch(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'spc-'));
  return { folder, remove: async () => await rm(folder, { recursive: true, force: true }) };
}

/** A folder with the gateway of acme.example that `init` made in `g`, and the CA's passphrase in `passphrase`. */
export async function initialised(): Promise<{
  readonly folder: string;
  readonly config: string;
  remove(): Promise<void>;
}> {
  const { folder, remove } = await scratch();
  const passphrase = join(folder, 'passphrase');
  await writeFile(passphrase, 'a long passphrase\n', { mode: 0o600 });
  const where = ['--domain', 'acme.example', '--dir', join(folder, 'g'), '--key-kind', 'ec-p256'];
  const made = await sallyport(['init', ...where, '--passphrase-file', passphrase]);
  if (made.code !== 0) throw new Error(made.stderr);
  return { folder, config: join(folder, 'g', 'gateway.yaml'), remove };
}
