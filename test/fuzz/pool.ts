import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Chunk, ChunkResult, Failure } from './campaign.ts';
import type { Done, Work } from './worker.ts';

/** A chunk that does not end in this time holds an input that never does. */
const CHUNK_TIMEOUT_MS = 60_000;
const HEAP_MEGABYTES = 512;
/** What a worker may hold with everything loaded; above it some input is kept, or grows. */
const MAX_RSS_BYTES = 1_200 * 1024 * 1024;

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

/** Chunks done in worker processes; a worker that hangs or dies is a finding, not the end. */
export class Pool {
  readonly #folder: string;
  readonly #onResult: (result: ChunkResult) => void;
  #hangs = 0;

  constructor(folder: string, onResult: (result: ChunkResult) => void) {
    this.#folder = folder;
    this.#onResult = onResult;
  }

  /** Takes chunks from the list until it is empty or the time is over. */
  async run(chunks: Chunk[], options: { workers: number; deadlineMs: number }): Promise<void> {
    const deadline = performance.now() + options.deadlineMs;
    const lanes = Array.from({ length: options.workers }, () => this.#lane(chunks, deadline));
    await Promise.all(lanes);
  }

  async #lane(chunks: Chunk[], deadline: number): Promise<void> {
    let worker = await startWorker();
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      if (performance.now() > deadline) {
        chunks.unshift(chunk);
        break;
      }
      const result = await doChunk(worker, { chunk, traceFile: null });
      if (result !== null) {
        this.#onResult(result);
        continue;
      }
      worker = await startWorker();
      this.#onResult(await this.#findHang(chunk));
    }
    worker.disconnect();
  }

  /** Does the chunk again and writes down each input before it is tried. */
  async #findHang(chunk: Chunk): Promise<ChunkResult> {
    this.#hangs += 1;
    const traceFile = join(this.#folder, `hang-${this.#hangs}.bin`);
    const worker = await startWorker();
    const result = await doChunk(worker, { chunk, traceFile });
    if (result !== null) {
      worker.disconnect();
      return result;
    }
    const plan = { seed: 0, other: 0, edits: [] };
    const failure: Failure = {
      target: chunk.target,
      reason: 'the worker hung, died, or ran out of memory',
      plan,
      seedName: '',
      bytes: readFileSync(traceFile).toString('base64'),
    };
    return { chunk, inputs: 0, outcomes: {}, longestMs: CHUNK_TIMEOUT_MS, failure };
  }
}

async function startWorker(): Promise<ChildProcess> {
  const execArgv = [`--max-old-space-size=${HEAP_MEGABYTES}`];
  const child = fork(WORKER, { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`a worker ended with ${code} at its start`)));
  });
  child.removeAllListeners('exit');
  return child;
}

/** Null if the worker does not answer; it is gone then. */
async function doChunk(child: ChildProcess, work: Work): Promise<ChunkResult | null> {
  const done = await new Promise<Done | null>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), CHUNK_TIMEOUT_MS);
    child.once('message', (message) => {
      clearTimeout(timer);
      resolve(message as Done);
    });
    child.once('exit', () => {
      clearTimeout(timer);
      resolve(null);
    });
    child.send(work);
  });
  child.removeAllListeners('exit');
  child.removeAllListeners('message');
  if (done === null) return null;
  const { result, rssBytes } = done;
  if (rssBytes < MAX_RSS_BYTES || result.failure !== null) return result;
  const reason = `the worker holds ${Math.round(rssBytes / 1024 / 1024)} MiB after this chunk`;
  const plan = { seed: 0, other: 0, edits: [] };
  const failure = { target: work.chunk.target, reason, plan, seedName: '', bytes: '' };
  return { ...result, failure };
}
