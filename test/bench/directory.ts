/**
 * `npm run bench:directory`: users' certificates of an existing PKI taken in, killed on the way and
 * gone on with, and looked up by LDAP and HTTP in the real process behind its permission wall.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type DirectoryRun, makeDirectory, startDirectoryProcess } from '../harness/directory.ts';
import {
  importBundle,
  indexBytesEach,
  type Looked,
  lookUp,
  memoryMiB,
  writeBundle,
} from './directory-run.ts';
import { type Marks, machineLine, writeReport } from './report.ts';

const LIMIT_MS = 10;
const MARKS: Marks = {
  begin: '<!-- bench:directory: written by npm run bench:directory -->',
  end: '<!-- bench:directory: end -->',
};

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '80000' },
    lookups: { type: 'string', default: '20000' },
  },
});
const users = Number(values.users);
const each = Math.ceil(Number(values.lookups) / 4);

const at = (looked: Looked, part: number): string =>
  (looked.sortedMs[Math.floor(looked.sortedMs.length * part)] ?? Number.NaN).toFixed(2);
const row = (name: string, looked: Looked): string =>
  `| ${name} | ${looked.found + looked.missed} | ${at(looked, 0.5)} | ${at(looked, 0.99)} | ${at(looked, 0.999)} | ${(looked.sortedMs.at(-1) ?? Number.NaN).toFixed(2)} |`;

async function emptyMiB(run: DirectoryRun): Promise<number> {
  await using directory = await startDirectoryProcess(run);
  await lookUp(run, { over: 'ldap', users: 1, each: 0 });
  return await memoryMiB(directory.pid, 'VmRSS');
}

await using run = await makeDirectory();
const bundle = join(run.gateway.folder, 'users.pem');
const renewed = join(run.gateway.folder, 'renewed.pem');
await writeBundle(bundle, users, 30);
await writeBundle(renewed, Math.ceil(users / 8), 1);
const empty = await emptyMiB(run);
const bundleBytes = (await stat(bundle)).size;
const killed = await importBundle(run, bundle, bundleBytes / 2);
const rest = await importBundle(run, bundle);
const again = await importBundle(run, bundle);
const index = await indexBytesEach(run);
await using directory = await startDirectoryProcess(run);
const full = await memoryMiB(directory.pid, 'VmRSS');
const ldap = await lookUp(run, { over: 'ldap', users, each });
const http = await lookUp(run, { over: 'http', users, each });
const [importing, during] = await Promise.all([
  importBundle(run, renewed),
  lookUp(run, { over: 'ldap', users, each: Math.ceil(each / 2) }),
]);
const peak = await memoryMiB(directory.pid, 'VmHWM');

const report = [
  `Command: \`npm run bench:directory -- --users ${users} --lookups ${values.lookups}\`, ${new Date().toISOString().slice(0, 10)}.`,
  '',
  `${await machineLine()}. The clients run on the same cores.`,
  '',
  `| import of ${users} certificates (P-256, ${(bundleBytes / 1024 ** 2).toFixed(0)} MiB of PEM) | seconds | peak memory, MiB |`,
  '|---|---|---|',
  `| until killed half-way | ${killed.seconds.toFixed(1)} | ${killed.peakMiB.toFixed(0)} |`,
  `| the same command again, to the end | ${rest.seconds.toFixed(1)} | ${rest.peakMiB.toFixed(0)} |`,
  `| once more, all known | ${again.seconds.toFixed(1)} | ${again.peakMiB.toFixed(0)} |`,
  `| ${Math.ceil(users / 8)} renewed ones, while 4 clients look up | ${importing.seconds.toFixed(1)} | ${importing.peakMiB.toFixed(0)} |`,
  '',
  '| lookups by address, 4 clients at once, 1 in 10 of nobody | lookups | p50, ms | p99, ms | p99.9, ms | slowest, ms |',
  '|---|---|---|---|---|---|',
  row('LDAP', ldap),
  row('HTTP (RFC 4387)', http),
  row('LDAP during an import', during),
  '',
  `The directory starts in ${(directory.startedMs / 1_000).toFixed(1)} s. Resident memory: ${empty.toFixed(0)} MiB with no user, ${full.toFixed(0)} MiB with ${users} after the start, ${peak.toFixed(0)} MiB at most in the whole run. The index takes ${index.toFixed(0)} bytes a certificate.`,
].join('\n');
await writeReport(report, MARKS);
process.stdout.write(`${report}\n`);
const slow = [ldap, http].some((looked) => !(Number(at(looked, 0.99)) < LIMIT_MS));
if (slow || rest.code !== 0) process.exitCode = 1;
