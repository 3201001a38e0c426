import assert from 'node:assert/strict';
import fc from 'fast-check';
import { carryOut, type Plan, plans } from './plan.ts';
import type { Target } from './target.ts';

/** No input may take longer, unless its target says otherwise. */
const MAX_INPUT_MS = 1_000;
const SLOW_RUNS = 3;

/** Not a target: its inputs are put to OpenSSL too. */
export const DIFFERENTIAL = 'differential';

/** A run of inputs for one target that follow from one number. */
export interface Chunk {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
}

export interface ChunkResult {
  readonly chunk: Chunk;
  readonly inputs: number;
  /** What became of them, and how often. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly longestMs: number;
  readonly failure: Failure | null;
}

export interface Failure {
  readonly target: string;
  readonly reason: string;
  /** The smallest plan found that fails, and the bytes it makes, in base64. */
  readonly plan: Plan;
  readonly seedName: string;
  readonly bytes: string;
}

/** Processor time: on a busy machine the clock says more about the others. */
function spentMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** What the target says about some bytes. @throws where a rule is broken or time runs out. */
export async function judgeInput(
  target: Target,
  bytes: Buffer,
): Promise<{ word: string; ms: number }> {
  const maxMs = target.maxInputMs ?? MAX_INPUT_MS;
  const started = spentMs();
  const word = await target.check(bytes);
  const ms = spentMs() - started;
  if (ms < maxMs) return { word, ms };
  // A collection may fall into it: only what is slow every time is slow.
  let fastest = ms;
  for (let again = 1; again < SLOW_RUNS; again += 1) {
    const from = spentMs();
    await target.check(bytes);
    fastest = Math.min(fastest, spentMs() - from);
  }
  assert.ok(fastest < maxMs, `takes ${fastest.toFixed(0)} ms`);
  return { word, ms: fastest };
}

/** Runs the inputs of a chunk; `before` is told of each plan. Stops at the first failure, shrunk. */
export async function runChunk(
  target: Target,
  chunk: Chunk,
  before: (bytes: Buffer) => void = () => undefined,
): Promise<ChunkResult> {
  const outcomes = new Map<string, number>();
  let longestMs = 0;
  let inputs = 0;
  const property = fc.asyncProperty(plans(target.seeds.length), async (plan) => {
    const bytes = carryOut(plan, target);
    before(bytes);
    inputs += 1;
    const { word, ms } = await judgeInput(target, bytes);
    outcomes.set(word, (outcomes.get(word) ?? 0) + 1);
    longestMs = Math.max(longestMs, ms);
  });
  const checked = await fc.check(property, { seed: chunk.seed, numRuns: chunk.inputs });
  const plan = checked.counterexample?.[0] ?? null;
  return {
    chunk,
    inputs,
    outcomes: Object.fromEntries(outcomes),
    longestMs,
    failure:
      checked.failed && plan !== null ? failureOf(target, plan, checked.errorInstance) : null,
  };
}

function failureOf(target: Target, plan: Plan, error: unknown): Failure {
  const bytes = carryOut(plan, target);
  return {
    target: target.name,
    reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    plan,
    seedName: target.seeds[plan.seed]?.name ?? '',
    bytes: bytes.toString('base64'),
  };
}

/** Cuts so many inputs into chunks, each target by its share, every chunk with a seed of its own. */
export function chunksFor(
  targets: readonly Target[],
  options: { readonly inputs: number; readonly seed: number; readonly chunkInputs: number },
): Chunk[] {
  const shares = targets.reduce((sum, target) => sum + target.share, 0);
  const chunks: Chunk[] = [];
  for (const target of targets) {
    let left = Math.ceil((options.inputs * target.share) / shares);
    while (left > 0) {
      const inputs = Math.min(left, options.chunkInputs);
      const seed = (options.seed + chunks.length * 7_919) & 0x7fff_ffff;
      chunks.push({ target: target.name, seed, inputs });
      left -= inputs;
    }
  }
  return chunks;
}
