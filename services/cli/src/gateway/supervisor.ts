import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@sallyport/log';

/** One process of the gateway: what it runs, its options, and which files it may touch. */
export interface ProcessSpec {
  readonly name: string;
  /** The package whose `main.ts` it is. */
  readonly module: string;
  readonly options: object;
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  /** Written too, but never made: places on mounts, which may come later than the process. */
  readonly outside?: readonly string[];
  /** Made before the start where they are missing: Node grants what is in a folder that is there. */
  readonly folders?: readonly string[];
  /** Native code and a thread to run it in, for a PKCS#11 module; no other process may load any. */
  readonly addon?: { readonly environment: Readonly<Record<string, string>> };
}

const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 30_000;
const STEADY_MS = 60_000;
/** As long as systemd waits by default: a busy machine that starts a dozen processes needs it. */
const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 45_000;

/** Everything below the project root that a process needs to be loaded at all: code, no data. */
function codeFolders(): readonly string[] {
  const root = fileURLToPath(new URL('../../../../', import.meta.url));
  return ['node_modules', 'packages', 'services', 'package.json'].map((name) => join(root, name));
}

/** Node's own switches for a role: files by exact path, no child processes, no add-ons. */
export function permissionFlags(spec: ProcessSpec, optionsFile: string): string[] {
  // Node looks when it starts whether a path is a folder: what comes later needs both forms.
  const outside = (spec.outside ?? []).flatMap((path) =>
    existsSync(path) ? [path] : [path, `${path}/*`],
  );
  const read = [...codeFolders(), optionsFile, ...spec.readable, ...spec.writable, ...outside];
  return [
    '--permission',
    ...outermost(read).map((path) => `--allow-fs-read=${path}`),
    ...[...outermost(spec.writable), ...outside].map((path) => `--allow-fs-write=${path}`),
    ...(spec.addon === undefined ? [] : ['--allow-addons', '--allow-worker']),
    '--disable-warning=SecurityWarning',
    '--disable-warning=ExperimentalWarning',
    '--v8-pool-size=1',
  ];
}

/**
 * Paths without those that lie below another of them. Node keeps grants in a prefix tree, and a
 * grant below a granted folder can undo the folder's own.
 */
function outermost(paths: readonly string[]): string[] {
  const all = [...new Set(paths)];
  return all.filter((path) => !all.some((other) => path.startsWith(`${other}/`)));
}

interface Running {
  readonly spec: ProcessSpec;
  child: ChildProcess | null;
  stopping: boolean;
  startedAt: number;
  backoffMs: number;
}

/** Starts processes, the last one when all others are ready, starts them again when they end, stops them in reverse order. */
export class Supervisor {
  readonly #runtime: string;
  readonly #logger: Logger;
  readonly #running: Running[] = [];

  readonly #logFile: string | null;
  #isShared = false;
  readonly #testClock: string | null;

  /**
   * What the processes log goes to our own standard error, or to the end of `logFile`. With a
   * `testClock` they follow the time in that file.
   */
  constructor(options: {
    readonly runtime: string;
    readonly logger: Logger;
    readonly logFile?: string;
    readonly testClock?: string | null;
  }) {
    this.#runtime = options.runtime;
    this.#logger = options.logger;
    this.#logFile = options.logFile ?? null;
    this.#testClock = options.testClock ?? null;
  }

  /**
   * Starts all; resolves when each has said that it is ready.
   *
   * @throws Error naming the first process that did not get ready.
   */
  async start(specs: readonly ProcessSpec[]): Promise<void> {
    await mkdir(this.#runtime, { recursive: true, mode: 0o700 });
    this.#isShared = (await stat(this.#runtime)).uid !== process.getuid?.();
    if (!this.#isShared) await chmod(this.#runtime, 0o700);
    const entries = specs.map((spec): Running => {
      const stopping = false;
      return { spec, child: null, stopping, startedAt: 0, backoffMs: FIRST_BACKOFF_MS };
    });
    this.#running.push(...entries);
    // All but the last come up together: each connects to the others when it first needs them.
    // The last one, ingress, opens the door to mail only when everybody is there.
    await Promise.all(entries.slice(0, -1).map((entry) => this.#spawn(entry)));
    for (const entry of entries.slice(-1)) await this.#spawn(entry);
  }

  /** Process ids by name, for those that test what a kill does. */
  processIds(): ReadonlyMap<string, number> {
    return new Map(
      this.#running.flatMap(({ spec, child }) =>
        child?.pid === undefined ? [] : [[spec.name, child.pid] as const],
      ),
    );
  }

  /** Passes a signal on, for example SIGHUP to the keyholder after a key change. */
  signal(name: string, signal: NodeJS.Signals): void {
    this.#running.find((entry) => entry.spec.name === name)?.child?.kill(signal);
  }

  async stop(): Promise<void> {
    for (const entry of this.#running) entry.stopping = true;
    for (const entry of this.#running.toReversed()) await stopChild(entry.child);
  }

  /** Where the runtime folder is another's, each process has a part of its own in it. */
  async #optionsFolder({ name }: ProcessSpec): Promise<string> {
    const own = this.#isShared ? join(this.#runtime, 'own', name) : this.#runtime;
    const folder = join(own, 'options');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  async #spawn(entry: Running): Promise<void> {
    const child = await this.#launch(entry);
    if (child !== null) await ready(child, entry.spec.name);
  }

  /** @returns null if all are being stopped. @throws Error if nothing could be started. */
  async #launch(entry: Running): Promise<ChildProcess | null> {
    const { spec } = entry;
    const optionsFile = join(await this.#optionsFolder(spec), `${spec.name}.json`);
    await writeFile(optionsFile, JSON.stringify(spec.options), { mode: 0o600 });
    for (const folder of spec.writable)
      await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
    for (const folder of spec.folders ?? []) await mkdir(folder, { recursive: true, mode: 0o700 });
    if (entry.stopping) return null;
    const log = this.#logFile === null ? 'inherit' : openSync(this.#logFile, 'a', 0o600);
    const testClock = this.#testClock === null ? [] : [this.#testClock];
    const given = [optionsFile, ...testClock];
    const child = fork(fileURLToPath(import.meta.resolve(spec.module)), given, {
      execArgv: permissionFlags(
        { ...spec, readable: [...spec.readable, ...testClock] },
        optionsFile,
      ),
      stdio: ['ignore', log, log, 'ipc'],
      env: { PATH: process.env['PATH'], ...spec.addon?.environment },
    });
    if (typeof log === 'number') closeSync(log);
    entry.child = child;
    entry.startedAt = Date.now();
    child.once('exit', (code, signal) => this.#ended(entry, { code, signal }));
    // What could not be made (no memory, too many processes) never exits; unheard, it ends us all.
    child.on('error', (cause) => {
      this.#logger.error('process.fault', { process: spec.name, cause });
      if (child.pid === undefined) this.#ended(entry, { code: null, signal: null });
    });
    return child;
  }

  #ended(entry: Running, how: { code: number | null; signal: string | null }): void {
    entry.child = null;
    if (entry.stopping) return;
    if (Date.now() - entry.startedAt > STEADY_MS) entry.backoffMs = FIRST_BACKOFF_MS;
    const restartInMs = entry.backoffMs;
    this.#logger.warn('process.ended', { process: entry.spec.name, ...how, restartInMs });
    this.#startLater(entry);
  }

  #startLater(entry: Running): void {
    const waitMs = entry.backoffMs;
    entry.backoffMs = Math.min(entry.backoffMs * 2, LONGEST_BACKOFF_MS);
    sleep(waitMs)
      .then(() => this.#startAgain(entry))
      .catch((cause: unknown) => {
        // Nothing was started (a full disk, for one): it is not left at that.
        this.#logger.error('process.not-started', { process: entry.spec.name, cause });
        if (!entry.stopping) this.#startLater(entry);
      });
  }

  async #startAgain(entry: Running): Promise<void> {
    const child = entry.stopping ? null : await this.#launch(entry);
    if (child === null) return;
    await ready(child, entry.spec.name).catch((cause: unknown) => {
      this.#logger.error('process.not-ready', { process: entry.spec.name, cause });
      // One that hangs at its start is ended, and its end starts the next one.
      child.kill('SIGKILL');
    });
  }
}

async function ready(child: ChildProcess, name: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${name} was not ready within ${READY_TIMEOUT_MS / 1000} s`)),
      READY_TIMEOUT_MS,
    );
    child.once('message', () => {
      clearTimeout(timer);
      resolve();
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${name} ended with code ${code ?? 'none'} before it was ready`));
    });
  });
}

async function stopChild(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
