import {
  connectSocket,
  type Health,
  type HealthProtocol,
  healthProtocol,
  type IpcClient,
  type Notice,
  type ShownCertificate,
} from '@sallyport/ipc';
import type { MetricServer, Samples } from '@sallyport/log';
import type { MonitorOptions } from './options.ts';

/** Who does not answer within this counts as away. */
const DEADLINE_MS = 1_000;
/** Pages of certificates of one process: the keyholder holds 1,000 keys at the most. */
const MAX_PAGES = 100;

/** What one process said, or null if it did not answer. */
export interface RoleReport {
  readonly role: MetricServer;
  readonly health: Health | null;
  readonly samples: Samples;
}

type Client = IpcClient<HealthProtocol>;

/** Asks the processes of the gateway how they are. */
export class Collector {
  readonly #clients: ReadonlyMap<MetricServer, Client>;
  readonly #heard: (reports: readonly RoleReport[]) => void;
  #running: Promise<readonly RoleReport[]> | null = null;

  /** `heard` gets what each round found, before those who asked. */
  constructor(roles: MonitorOptions['roles'], heard: (reports: readonly RoleReport[]) => void) {
    this.#heard = heard;
    this.#clients = new Map(
      roles.map(({ role, socket: path }) => {
        const client = connectSocket({ path, protocol: healthProtocol, deadlineMs: DEADLINE_MS });
        return [role, client] as const;
      }),
    );
  }

  /** Asks all at once. Those who come while it runs get the same answer. */
  collect(): Promise<readonly RoleReport[]> {
    this.#running ??= this.#collect().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #collect(): Promise<readonly RoleReport[]> {
    const reports = await Promise.all([...this.#clients].map(report));
    this.#heard(reports);
    return reports;
  }

  /** The certificates that all processes use; those of a process that does not answer are left out. */
  async certificates(): Promise<ReadonlyMap<MetricServer, readonly ShownCertificate[]>> {
    const all = await Promise.all(
      [...this.#clients].map(async ([role, client]) => {
        const shown = await certificatesOf(client).catch(() => null);
        return shown === null ? [] : [[role, shown] as const];
      }),
    );
    return new Map(all.flat());
  }

  /** Notices after an index; none if the recorder does not answer. */
  async notices(after: number): Promise<readonly Notice[]> {
    try {
      return (await this.#clients.get('recorder')?.call('notices', { after }))?.notices ?? [];
    } catch {
      return [];
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

async function report([role, client]: readonly [MetricServer, Client]): Promise<RoleReport> {
  const [health, samples] = await Promise.all([
    client.call('health', {}).catch(() => null),
    client.call('metrics', {}).catch(() => ({})),
  ]);
  return { role, health, samples };
}

async function certificatesOf(client: Client): Promise<ShownCertificate[]> {
  const shown: ShownCertificate[] = [];
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { certificates, more } = await client.call('certificates', { from: shown.length });
    shown.push(...certificates);
    if (!more || certificates.length === 0) break;
  }
  return shown;
}
