/**
 * `npm test`: installs the peers that are missing where it can, then runs every test.
 *
 * Arguments are test file patterns; without any, all tests run. `--unit` leaves out those that
 * start real processes and peers; `--java` installs Java too, for the tests that want it.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { installPeers } from './harness/install-peers.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const UNIT = [
  'packages/*/src/**/*.test.ts',
  'services/*/src/**/*.test.ts',
  'test/architecture/*.test.ts',
];
const WHOLE = [
  'test/vectors/*.test.ts',
  'test/bench/*.test.ts',
  'test/hostile/**/*.test.ts',
  'test/fuzz/*.test.ts',
  'test/interop/*.test.ts',
  'test/e2e/*.test.ts',
];

const given = process.argv.slice(2).filter((one) => !one.startsWith('--'));
const unitOnly = process.argv.includes('--unit');
const patterns = given.length > 0 ? given : unitOnly ? UNIT : [...UNIT, ...WHOLE];
if (!unitOnly) installPeers({ withJava: process.argv.includes('--java') });

const files = [...new Set(patterns.flatMap((pattern) => globSync(pattern, { cwd: root })))].sort();
const child = spawn(
  process.execPath,
  [
    '--test',
    '--test-concurrency=4',
    '--test-timeout=300000',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./test/summary.ts',
    '--test-reporter-destination=stdout',
    ...files,
  ],
  { cwd: root, stdio: 'inherit' },
);
child.once('exit', (code) => process.exit(code ?? 1));
