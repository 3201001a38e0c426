/**
 * `npm run bench:oracle`: whether time tells what became of an encrypted message (design section 4,
 * RFC 3218). Classes are interleaved at random; Welch's t between any two of them must stay below 4.5.
 */
import { randomInt } from 'node:crypto';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { startInwardService } from '../harness/inward-service.ts';
import { ORACLE_SHAPES } from '../harness/oracle-shapes.ts';
import { askKeyholder, UNWRAP_CLASSES } from './oracle-unwrap.ts';
import { type Marks, machineLine, writeReport } from './report.ts';
import { cropped, medianOf, moments, type Sampled, worstT } from './welch.ts';

const LIMIT = 4.5;
const POOL = 64;
const WARM_UP = 500;
const CROP = 0.95;
const AT_ONCE = 8;
/** A message below 1 MiB waits for two of them. */
const FLOOR_MS = 10;
const MARKS: Marks = {
  begin: '<!-- bench:oracle: written by npm run bench:oracle -->',
  end: '<!-- bench:oracle: end -->',
};

interface Experiment {
  readonly title: string;
  readonly classes: readonly Sampled[];
  /** Must stay below the limit; else it is shown for what the floor hides. */
  readonly isBound: boolean;
}

/** Every class as often as any other, in random order. */
function* shuffled(classes: number, each: number): Generator<number> {
  const left = Array.from({ length: classes }, () => each);
  for (let all = classes * each; all > 0; all -= 1) {
    let at = randomInt(all);
    const found = left.findIndex((count) => {
      at -= count;
      return at < 0;
    });
    left[found] = (left[found] ?? 0) - 1;
    yield found;
  }
}

async function sample(
  names: readonly string[],
  samples: number,
  ask: (index: number) => Promise<number>,
): Promise<readonly Sampled[]> {
  const taken = names.map(() => new Float64Array(samples));
  const counts = names.map(() => -WARM_UP);
  for (const index of shuffled(names.length, samples + WARM_UP)) {
    const micros = await ask(index);
    const at = (counts[index] ?? 0) as number;
    if (at >= 0) (taken[index] ?? taken[0])?.fill(micros, at, at + 1);
    counts[index] = at + 1;
  }
  return names.map((name, index) => ({ name, micros: taken[index] ?? new Float64Array(0) }));
}

const pick = <T>(list: readonly T[]): T => list[randomInt(list.length)] as T;
const pool = <T>(make: () => T): readonly T[] => Array.from({ length: POOL }, make);

async function unwrapping(samples: number): Promise<Experiment> {
  const questions = UNWRAP_CLASSES.map(({ make }) => pool(make));
  const classes = await sample(
    UNWRAP_CLASSES.map(({ name }) => name),
    samples,
    async (index) => {
      const question = pick(questions[index] ?? []);
      const before = performance.now();
      askKeyholder(question);
      return (performance.now() - before) * 1_000;
    },
  );
  return { title: 'keyholder unwraps an RSA v1.5 key', classes, isBound: true };
}

async function answering(samples: number, floorMs: number): Promise<Experiment> {
  await using service = await startInwardService({ rule: 'strict', floorMs });
  const names = Object.keys(ORACLE_SHAPES);
  const messages = Object.values(ORACLE_SHAPES).map((make) => pool(make));
  const ask = async (index: number): Promise<number> =>
    (await service.ask(pick(messages[index] ?? []))).tookMs * 1_000;
  // Several at once, as partners come; each sequence takes its own share of the samples.
  const lanes = floorMs === 0 ? 1 : AT_ONCE;
  const parts = await Promise.all(
    Array.from({ length: lanes }, () => sample(names, Math.ceil(samples / lanes), ask)),
  );
  const classes = names.map((name, index) => ({
    name,
    micros: Float64Array.from(parts.flatMap((part) => [...(part[index]?.micros ?? [])])),
  }));
  const title =
    floorMs === 0
      ? 'worker inward judges, without the time floor (what the floor hides)'
      : `worker inward answers, with a time floor of ${2 * floorMs} ms`;
  return { title, classes, isBound: floorMs > 0 };
}

function tableOf({ title, classes, isBound }: Experiment): string[] {
  const raw = worstT(classes);
  const crop = worstT(cropped(classes, CROP));
  const worst = Math.max(...raw, ...crop);
  const verdict = isBound ? `, ${worst < LIMIT ? 'below' : '**not below**'} ${LIMIT}` : '';
  const rows = classes.map(({ name, micros }, index) => {
    const { count, mean } = moments(micros);
    const slowest = micros.reduce((most, value) => Math.max(most, value), 0);
    const figures = [mean, medianOf(micros), slowest].map((value) => value.toFixed(1));
    const ts = [raw[index], crop[index]].map((value) => (value ?? 0).toFixed(2));
    return `| ${name} | ${count} | ${figures.join(' | ')} | ${ts.join(' | ')} |`;
  });
  return [
    `**${title}**: greatest \\|t\\| ${worst.toFixed(2)}${verdict}.`,
    '',
    `| class | samples | mean, µs | median, µs | slowest, µs | greatest \\|t\\| | \\|t\\| of the fastest ${CROP * 100} % |`,
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      samples: { type: 'string', default: '10000' },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const samples = Number(values.samples);
  if (!Number.isInteger(samples) || samples < 100) throw new Error('--samples N, 100 at least');
  const experiments: Experiment[] = [];
  for (const run of [
    () => unwrapping(samples),
    () => answering(samples, FLOOR_MS),
    () => answering(Math.min(samples, 2_000), 0),
  ]) {
    const done = await run();
    process.stdout.write(`${tableOf(done).join('\n')}\n`);
    experiments.push(done);
  }
  const command = `npm run bench:oracle -- --samples ${samples}`;
  const report = [
    `Command: \`${command}\`, ${new Date().toISOString().slice(0, 10)}.`,
    '',
    await machineLine(),
    '',
    ...experiments.flatMap(tableOf),
  ];
  if (!values['no-write']) await writeReport(report.join('\n').trimEnd(), MARKS);
  const isLeaking = experiments.some(
    ({ isBound, classes }) =>
      isBound && Math.max(...worstT(classes), ...worstT(cropped(classes, CROP))) >= LIMIT,
  );
  if (isLeaking) process.exitCode = 1;
}

await main();
