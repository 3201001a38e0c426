/**
 * `npm run bench:memory`: peak memory and the longest hold of the event loop for one message of
 * 100 MB against one of 10 KB, by the engine alone and by every process of two gateways.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { temporaryFolder } from '../harness/folder.ts';
import { exitOnSignals } from './bench-processes.ts';
import { type MemoryForm, measureEngine } from './memory-engine.ts';
import { measureGateways } from './memory-gateways.ts';
import type { MemoryReport } from './memory-task.ts';

const HELP = 'npm run bench:memory -- [--megabytes N] [--only engine|gateways]';
const MEBIBYTE = 1024 * 1024;
const MOST_MORE_MEBIBYTES = 64;
const LONGEST_HOLD_MS = 200;

const FORMS: readonly MemoryForm[] = [
  { profile: 'domsec', content: 'aes256-cbc' },
  { profile: 'domsec', content: 'aes256-gcm' },
  { profile: 'compat', content: 'aes256-cbc' },
  { profile: 'compat', content: 'aes256-gcm' },
];

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** @returns whether it stays within the goal. */
function tellPeaks(name: string, small: number, large: number, more: string): boolean {
  const [before, after] = [small / MEBIBYTE, large / MEBIBYTE];
  const isGood = after - before <= MOST_MORE_MEBIBYTES;
  const figures = [before, after, after - before].map((one) => one.toFixed(0).padStart(6));
  print(`${name.padEnd(32)}${figures.join('')}  ${more}${isGood ? '' : '  OVER'}`);
  return isGood;
}

async function engine(sizeBytes: number): Promise<boolean> {
  let isGood = true;
  for (const form of FORMS) {
    await using folder = await temporaryFolder('memory');
    const { seal, open, isSame } = await measureEngine(folder.path, sizeBytes, form);
    const tell = (name: string, report: MemoryReport): boolean => {
      const { smallPeakBytes, largePeakBytes, longestHoldMs, seconds } = report;
      const more = `held the loop ${longestHoldMs.toFixed(0)} ms, took ${seconds.toFixed(1)} s`;
      const within = tellPeaks(name, smallPeakBytes, largePeakBytes, more);
      return within && longestHoldMs < LONGEST_HOLD_MS;
    };
    const name = `${form.profile} ${form.content}`;
    const all = [tell(`engine out ${name}`, seal), tell(`engine in  ${name}`, open), isSame];
    isGood &&= all.every(Boolean);
  }
  return isGood;
}

async function gateways(sizeBytes: number): Promise<boolean> {
  await using folder = await temporaryFolder('memory');
  const runtime = await mkdtemp(join(tmpdir(), 'sm-'));
  try {
    const { processes, seconds } = await measureGateways(folder.path, runtime, sizeBytes);
    const within = processes.map(({ process: name, smallPeakBytes, largePeakBytes }) =>
      tellPeaks(name, smallPeakBytes, largePeakBytes, ''),
    );
    print(`through both gateways in ${seconds.toFixed(1)} s`);
    return within.every(Boolean);
  } finally {
    await rm(runtime, { recursive: true, force: true });
  }
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { megabytes: { type: 'string', default: '100' }, only: { type: 'string' } },
  });
  const sizeBytes = Number(values.megabytes) * 1_000_000;
  const { only } = values;
  const isKnown = only === undefined || only === 'engine' || only === 'gateways';
  if (!Number.isInteger(sizeBytes) || sizeBytes <= 0 || !isKnown) throw new Error(HELP);
  print(`${'peak memory in MiB'.padEnd(32)} 10 KB ${values.megabytes} MB  more`);
  const engineIsGood = only === 'gateways' || (await engine(sizeBytes));
  const gatewaysAreGood = only === 'engine' || (await gateways(sizeBytes));
  return engineIsGood && gatewaysAreGood;
}

exitOnSignals();
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
