import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@sallyport/log';
import { systemClock } from '@sallyport/mail';
import { processSpecs, ROLES } from '../../services/cli/src/gateway/roles.ts';
import { Supervisor } from '../../services/cli/src/gateway/supervisor.ts';
import type { Organisation } from '../../services/cli/src/sandbox/organisation.ts';
import { waitFor } from '../harness/wait.ts';

/** The processes that a kill may hit. */
export const VICTIMS = [
  'recorder',
  'keyholder',
  'worker-outward',
  'worker-inward',
  'egress',
  'ingress',
] as const;
export type Victim = (typeof VICTIMS)[number];

const RESTART_TIMEOUT_MS = 60_000;

/** One real gateway: its processes are children of ours, so that their ids are known. */
export class RunningGateway {
  readonly organisation: Organisation;
  /** How processes ended that nobody told to: each must be a kill of ours. */
  readonly ended: { readonly process: string; readonly signal: string | null }[] = [];
  /** What the supervisor could not do, other than start what was killed while it started. */
  readonly complaints: string[] = [];
  readonly #logFile: string;
  #supervisor: Supervisor;

  constructor(organisation: Organisation, logFile: string) {
    this.organisation = organisation;
    this.#logFile = logFile;
    this.#supervisor = this.#newSupervisor();
  }

  /** How many processes it has: those of its config, not all that there are. */
  get #size(): number {
    return processSpecs(this.organisation.config, ROLES).length;
  }

  async start(): Promise<void> {
    const { config } = this.organisation;
    await this.#supervisor.start(processSpecs(config, ROLES));
  }

  async stop(): Promise<void> {
    await this.#supervisor.stop();
  }

  /** SIGKILL to one process that runs now. @returns false if it does not run. */
  kill(victim: Victim): boolean {
    const pid = this.#supervisor.processIds().get(victim);
    if (pid === undefined) return false;
    process.kill(pid, 'SIGKILL');
    return true;
  }

  isRunning(victim: Victim): boolean {
    return this.#supervisor.processIds().has(victim);
  }

  /**
   * The host loses its power: everything dies at once, and everything is started anew.
   *
   * @returns when it died.
   */
  async killAll(): Promise<number> {
    const old = this.#supervisor;
    await waitFor(() => old.processIds().size === this.#size, {
      what: 'every process of the gateway',
      timeoutMs: RESTART_TIMEOUT_MS,
    });
    const at = Date.now();
    for (const pid of old.processIds().values()) process.kill(pid, 'SIGKILL');
    await old.stop();
    this.#supervisor = this.#newSupervisor();
    await this.start();
    return at;
  }

  /** Stops it in order and starts it again. */
  async restart(): Promise<void> {
    await this.stop();
    this.#supervisor = this.#newSupervisor();
    await this.start();
  }

  /** Waits until every process runs again and has done so for a moment. */
  async settled(): Promise<void> {
    await waitFor(() => this.#supervisor.processIds().size === this.#size, {
      what: `every process of ${this.organisation.plan.domain}`,
      timeoutMs: RESTART_TIMEOUT_MS,
    });
    await sleep(500);
  }

  #newSupervisor(): Supervisor {
    const logger = createLogger({
      service: 'supervisor',
      now: () => systemClock.now(),
      write: (line) => this.#heard(line),
    });
    const { runtime } = this.organisation.layout;
    return new Supervisor({ runtime, logger, logFile: this.#logFile });
  }

  #heard(line: string): void {
    const entry = JSON.parse(line) as Record<string, unknown>;
    if (entry['event'] === 'process.ended') {
      const signal = entry['signal'];
      this.ended.push({
        process: String(entry['process']),
        signal: typeof signal === 'string' ? signal : null,
      });
    } else if (!line.includes('before it was ready')) this.complaints.push(line.trim());
  }

  /** Folders that hold what this gateway writes. */
  get folders(): readonly string[] {
    const { plan, layout } = this.organisation;
    return [plan.folder, layout.runtime, this.#logFile];
  }

  spool(folder: string): string {
    return join(this.organisation.layout.spool, folder);
  }
}
