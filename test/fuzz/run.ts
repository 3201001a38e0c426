/**
 * `npm run fuzz`: mutated inputs for every reader of strangers' bytes, spread over processes.
 *
 *   --inputs N        how many (1,000,000)
 *   --differential N  how many more are put to OpenSSL too (20,000)
 *   --seed N          the number that everything follows from (of the clock, and printed)
 *   --target NAME     this one only
 *   --minutes N       no chunk is begun after that time (15)
 *   --workers N       processes (as many as there are processors)
 *   --file FILE       the target's word about these bytes, and no more
 *
 * A failure is printed with the command that repeats its chunk; its bytes are kept in a folder.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import {
  type Chunk,
  type ChunkResult,
  chunksFor,
  DIFFERENTIAL,
  type Failure,
  judgeInput,
} from './campaign.ts';
import { Pool } from './pool.ts';
import { allTargets } from './targets.ts';

const CHUNK_INPUTS = 2_000;
const MAX_SHOWN_OUTCOMES = 7;
const MAX_SHOWN_FRAMES = 3;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    differential: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    target: { type: 'string' },
    minutes: { type: 'string', default: '15' },
    workers: { type: 'string', default: String(availableParallelism()) },
    file: { type: 'string' },
  },
});

function whole(name: 'inputs' | 'differential' | 'seed' | 'minutes' | 'workers'): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new RangeError(`--${name} is no whole number`);
}

interface Sum {
  inputs: number;
  longestMs: number;
  readonly outcomes: Map<string, number>;
}

const sums = new Map<string, Sum>();
/** How many of each kind. */
const failures = new Map<string, number>();
const folder = mkdtempSync(join(tmpdir(), 'sallyport-fuzz-'));

function add({ chunk, inputs, outcomes, longestMs, failure }: ChunkResult): void {
  const sum = sums.get(chunk.target) ?? {
    inputs: 0,
    longestMs: 0,
    outcomes: new Map<string, number>(),
  };
  sums.set(chunk.target, sum);
  sum.inputs += inputs;
  sum.longestMs = Math.max(sum.longestMs, longestMs);
  for (const [word, count] of Object.entries<number>(outcomes)) {
    sum.outcomes.set(word, (sum.outcomes.get(word) ?? 0) + count);
  }
  if (failure !== null) showFailure(chunk, failure);
}

function showFailure(chunk: Chunk, failure: Failure): void {
  const [what = '', ...stack] = failure.reason.split('\n    at ');
  const kind = `${chunk.target} ${what}`;
  failures.set(kind, (failures.get(kind) ?? 0) + 1);
  // One of a kind is shown in full; the others only count.
  if (failures.get(kind) !== 1) return;
  const file = join(folder, `${failure.target}-${failures.size}.bin`);
  writeFileSync(file, Buffer.from(failure.bytes, 'base64'));
  const again = `npm run fuzz -- --target ${chunk.target} --seed ${chunk.seed}`;
  const count = chunk.target === DIFFERENTIAL ? '--differential' : '--inputs';
  process.stdout.write(
    `\nFAILED ${chunk.target} (${failure.seedName}): ${what.slice(0, 1_000)}\n` +
      stack
        .slice(0, MAX_SHOWN_FRAMES)
        .map((frame) => `    at ${frame}\n`)
        .join('') +
      `  bytes: ${file}\n  again: ${again} ${count} ${chunk.inputs}\n`,
  );
}

function report(seconds: number, seed: number, left: number): void {
  let total = 0;
  for (const [name, { inputs, longestMs, outcomes }] of [...sums].sort()) {
    total += inputs;
    const words = [...outcomes].sort((a, b) => b[1] - a[1]);
    const shown = words.slice(0, MAX_SHOWN_OUTCOMES).map(([word, count]) => `${word} ${count}`);
    const figures = `${String(inputs).padStart(8)} ${longestMs.toFixed(0).padStart(6)} ms`;
    process.stdout.write(`${name.padEnd(16)} ${figures}  ${shown.join(', ')}\n`);
  }
  const unfinished = left === 0 ? '' : `; ${left} inputs were not tried, the time was over`;
  process.stdout.write(
    `${total} inputs in ${seconds.toFixed(0)} s, seed ${seed}, ${failures.size} kinds of failures${unfinished}\n`,
  );
}

async function judgeFile(path: string): Promise<void> {
  const target = (await allTargets()).find((one) => one.name === values.target);
  if (target === undefined) throw new RangeError('--file needs --target');
  const { word, ms } = await judgeInput(target, readFileSync(path));
  process.stdout.write(`${word} (${ms.toFixed(1)} ms)\n`);
}

async function chunks(seed: number): Promise<Chunk[]> {
  const targets = (await allTargets()).filter(
    ({ name }) => values.target === undefined || name === values.target,
  );
  const list =
    targets.length === 0
      ? []
      : chunksFor(targets, { inputs: whole('inputs'), seed, chunkInputs: CHUNK_INPUTS });
  const wanted = values.target === undefined || values.target === DIFFERENTIAL;
  let left = wanted ? whole('differential') : 0;
  for (let part = 0; left > 0; part += 1) {
    const inputs = Math.min(left, CHUNK_INPUTS);
    list.unshift({ target: DIFFERENTIAL, seed: (seed + part * 104_729) & 0x7fff_ffff, inputs });
    left -= inputs;
  }
  return list;
}

if (values.file !== undefined) {
  await judgeFile(values.file);
} else {
  const seed = whole('seed');
  process.stdout.write(`seed ${seed}\n`);
  const started = performance.now();
  const list = await chunks(seed);
  const pool = new Pool(folder, add);
  await pool.run(list, { workers: whole('workers'), deadlineMs: whole('minutes') * 60_000 });
  const left = list.reduce((sum, chunk) => sum + chunk.inputs, 0);
  report((performance.now() - started) / 1_000, seed, left);
  process.exitCode = failures.size === 0 && left === 0 && sums.size > 0 ? 0 : 1;
}
