/** `npm run check`: every gate, two at a time, and what failed at the end. */
import { spawn } from 'node:child_process';
import process from 'node:process';

const GATES = [
  'check:types',
  'check:lint',
  'check:format',
  'check:dead',
  'check:layers',
  'check:docs',
];
const AT_ONCE = 2;

interface Outcome {
  readonly gate: string;
  readonly code: number;
  readonly output: string;
  readonly seconds: number;
}

async function run(gate: string): Promise<Outcome> {
  const started = performance.now();
  const child = spawn('npm', ['run', '--silent', gate], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    output += String(chunk);
  });
  const code = await new Promise<number>((resolve) => {
    child.once('close', (status) => resolve(status ?? 1));
  });
  return { gate, code, output, seconds: (performance.now() - started) / 1_000 };
}

const waiting = [...GATES];
const outcomes: Outcome[] = [];
async function takeNext(): Promise<void> {
  for (let gate = waiting.shift(); gate !== undefined; gate = waiting.shift()) {
    const outcome = await run(gate);
    outcomes.push(outcome);
    process.stdout.write(
      `${outcome.code === 0 ? 'ok    ' : 'FAILED'} ${gate} ${outcome.seconds.toFixed(1)} s\n`,
    );
    if (outcome.code !== 0) process.stdout.write(outcome.output);
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, takeNext));
process.exit(outcomes.every((outcome) => outcome.code === 0) ? 0 : 1);
