/** One process of `npm run fuzz`: does the chunks that come over its channel, one at a time. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type Chunk, type ChunkResult, DIFFERENTIAL, runChunk } from './campaign.ts';
import { RULES } from './differences.ts';
import { ORACLE_FILES, runDifferential } from './differential.ts';
import { startOracle } from './oracle.ts';
import { allTargets } from './targets.ts';

/** What the parent sends. */
export interface Work {
  readonly chunk: Chunk;
  /** Where each input is written before it is tried: the last one there is the one that hangs. */
  readonly traceFile: string | null;
}

/** What it gets back. */
export interface Done {
  readonly result: ChunkResult;
  readonly rssBytes: number;
}

const targets = await allTargets();
const folder = await mkdtemp(join(tmpdir(), 'sallyport-fuzz-'));
const oracle = await startOracle(folder, ORACLE_FILES);

async function differential(chunk: Chunk): Promise<ChunkResult> {
  const started = performance.now();
  const found = await runDifferential(oracle, { ...chunk, rules: RULES });
  const [first] = found.unexplained;
  const plan = { seed: 0, other: 0, edits: [] };
  return {
    chunk,
    inputs: found.inputs,
    outcomes: { ...found.agreed, ...found.explained },
    longestMs: (performance.now() - started) / found.inputs,
    failure:
      first === undefined
        ? null
        : {
            target: chunk.target,
            reason: `${first.kind}: ${first.who} alone accepts: ${first.reason}`,
            plan,
            seedName: first.seed,
            bytes: first.bytes,
          },
  };
}

async function traced(chunk: Chunk, traceFile: string | null): Promise<ChunkResult> {
  const target = targets.find((one) => one.name === chunk.target);
  if (target === undefined) throw new Error(`no target ${chunk.target}`);
  if (traceFile === null) return await runChunk(target, chunk);
  const file = openSync(traceFile, 'w');
  try {
    return await runChunk(target, chunk, (bytes) => {
      ftruncateSync(file, 0);
      writeSync(file, bytes, 0, bytes.length, 0);
    });
  } finally {
    closeSync(file);
  }
}

async function work({ chunk, traceFile }: Work): Promise<void> {
  const result =
    chunk.target === DIFFERENTIAL ? await differential(chunk) : await traced(chunk, traceFile);
  const done: Done = { result, rssBytes: process.memoryUsage().rss };
  process.send?.(done);
}

process.on('message', (message) => {
  work(message as Work).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
});
process.once('disconnect', () => {
  void oracle[Symbol.asyncDispose]().then(() => rm(folder, { recursive: true, force: true }));
});
process.send?.('ready');
