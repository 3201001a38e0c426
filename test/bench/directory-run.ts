import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { formatPemCertificate } from '@sallyport/pki';
import { UserCertificates } from '@sallyport/published';
import { makeTestPki } from '../../services/cli/src/directory/test-pki.ts';
import type { DirectoryRun } from '../harness/directory.ts';
import { httpLookup, type Lookup, ldapLookup } from './directory-peers.ts';

const MAIN = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));
const DOMAIN = 'acme.example';
const LANES = 4;
/** One in so many addresses is of nobody. */
const MISSES = 10;
const DAY_MS = 86_400_000;

/** How long looks took, in milliseconds, sorted. */
export interface Looked {
  readonly found: number;
  readonly missed: number;
  readonly sortedMs: Float64Array;
}

/** PEM of so many users, all of one key: what is measured does not use it. */
export async function writeBundle(path: string, count: number, ageDays: number): Promise<void> {
  const pki = makeTestPki(new Date());
  const stream = createWriteStream(path);
  const notBefore = new Date(Date.now() - ageDays * DAY_MS);
  for (let i = 0; i < count; i += 1) {
    const fields = { subject: { cn: `User ${i}` }, notBefore, days: 365 };
    const pem = formatPemCertificate(pki.issue(`user${i}@${DOMAIN}`, fields));
    if (!stream.write(pem)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'close');
}

interface Imported {
  readonly seconds: number;
  readonly peakMiB: number;
  readonly code: number | null;
}

/** Runs `sallyport directory import`; with `killAt` it is killed when the store has so many octets. */
export async function importBundle(
  { gateway }: DirectoryRun,
  bundle: string,
  killAt?: number,
): Promise<Imported> {
  const started = performance.now();
  const args = [MAIN, 'directory', 'import', bundle, '--config', gateway.configFile];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'ignore'] });
  const ended = once(child, 'exit');
  const store = join(gateway.layout.publishedUsers, 'certificates');
  let peakMiB = 0;
  while (child.exitCode === null && child.signalCode === null) {
    peakMiB = Math.max(peakMiB, await memoryMiB(child.pid ?? 0, 'VmHWM'));
    const size = (await stat(store).catch(() => null))?.size ?? 0;
    if (killAt !== undefined && size >= killAt) child.kill('SIGKILL');
    await Promise.race([ended, sleep(50)]);
  }
  const [code] = (await ended) as [number | null];
  return { seconds: (performance.now() - started) / 1_000, peakMiB, code };
}

export async function memoryMiB(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1_024;
}

/** Looks random addresses up in some lanes at once. */
export async function lookUp(
  run: DirectoryRun,
  how: { readonly over: 'ldap' | 'http'; readonly users: number; readonly each: number },
): Promise<Looked> {
  const lanes = Array.from({ length: LANES }, (_, lane) => {
    const from = `127.0.${how.over === 'ldap' ? 1 : 2}.${lane + 1}`;
    return how.over === 'ldap'
      ? ldapLookup({ port: run.ldapPort, from, baseDn: 'dc=acme,dc=example' })
      : httpLookup({ port: run.httpPort, from });
  });
  const parts = await Promise.all(lanes.map(({ lookup }) => lookUpLane(lookup, how)));
  for (const { close } of lanes) close();
  const sum = (pick: (one: Looked) => number): number =>
    parts.reduce((total, part) => total + pick(part), 0);
  return {
    found: sum(({ found }) => found),
    missed: sum(({ missed }) => missed),
    sortedMs: Float64Array.from(parts.flatMap(({ sortedMs }) => [...sortedMs])).sort(),
  };
}

async function lookUpLane(
  lookup: Lookup,
  { users, each }: { readonly users: number; readonly each: number },
): Promise<Looked> {
  const sortedMs = new Float64Array(each);
  let [found, missed] = [0, 0];
  for (let i = 0; i < each; i += 1) {
    const isOurs = i % MISSES !== 0;
    const address = `${isOurs ? 'user' : 'nobody'}${randomInt(users)}@${DOMAIN}`;
    const started = performance.now();
    const isFound = await lookup(address);
    sortedMs[i] = performance.now() - started;
    if (isFound !== isOurs) throw new Error(`${address} was ${isFound ? '' : 'not '}found`);
    if (isFound) found += 1;
    else missed += 1;
  }
  return { found, missed, sortedMs };
}

/** What the index of the store takes, in octets a certificate. */
export async function indexBytesEach({ gateway }: DirectoryRun): Promise<number> {
  const users = new UserCertificates(gateway.layout.publishedUsers);
  await users.refresh();
  const each = users.indexBytes / users.records;
  await users.close();
  return each;
}
