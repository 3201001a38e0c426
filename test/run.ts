/**
 * `npm test`: installs the peers that are missing where it can, then runs every test.
 *
 * Arguments are test file patterns; without any, all tests run. `--unit` leaves out those that
 * start real processes and peers; `--java` installs Java too, for the tests that want it; `--pictures`
 * keeps pictures of the console's pages in test/console/screenshots.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { installPeers } from './harness/install-peers.ts';
import { PICTURES, UNIT, WHOLE } from './test-files.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
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
    '--test-timeout=600000',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./test/summary.ts',
    '--test-reporter-destination=stdout',
    ...files,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    // Some hundred files and as many commands read the same modules: compiled once, they start in half the time.
    env: {
      ...process.env,
      ...(process.argv.includes('--pictures') ? { [PICTURES]: 'yes' } : {}),
      NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compile'),
    },
  },
);
child.once('exit', (code) => process.exit(code ?? 1));
