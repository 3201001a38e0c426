// Runs a program of ours on Node 24, whatever Node this is: `node scripts/node24.mjs FILE [ARGS]`.
// npm links the Node of node_modules into its PATH, but not every version of npm does.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import process, { arch, argv, execPath, exit, pid, platform, stderr, versions } from 'node:process';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
const own = fileURLToPath(
  new URL(`../node_modules/node-${platform}-${arch}/bin/node`, import.meta.url),
);
const isNewEnough = Number.parseInt(versions.node, 10) >= NEEDED;
if (!isNewEnough && !existsSync(own)) {
  stderr.write(`Node ${NEEDED} is needed and this is ${versions.node}: run npm ci first.\n`);
  exit(1);
}
const child = spawn(isNewEnough ? execPath : own, argv.slice(2), { stdio: 'inherit' });
// Ctrl-C reaches the child by itself; what is sent to us alone is passed on.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.once('error', (error) => {
  stderr.write(`${error.message}\n`);
  exit(1);
});
child.once('exit', (code, signal) =>
  signal === null ? exit(code ?? 1) : process.kill(pid, signal),
);
