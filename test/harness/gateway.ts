import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RecordedEvent, readEvents } from '@sallyport/audit-log';
import type { Domain } from '@sallyport/mail';
import { formatPemCertificate } from '@sallyport/pki';
import { importPolicy } from '@sallyport/policy-store/write';
import { stringify } from 'yaml';
import { auditSegments } from '../../services/cli/src/gateway/audit-folder.ts';
import { type GatewayLayout, layoutOf } from '../../services/cli/src/gateway/layout.ts';
import {
  createAuthorities,
  createCa,
  createInnerKeys,
  createTlsFiles,
  type OwnCa,
} from '../../services/cli/src/gateway/provision.ts';
import { publishAuthorities } from '../../services/cli/src/gateway/published-certificates.ts';
import { type TemporaryFolder, temporaryFolder } from './folder.ts';
import {
  configOf,
  type GatewayOptions,
  type Ports,
  portsOf,
  writePasswords,
} from './gateway-config.ts';
import { type RunningProcess, type RunResult, run, startProcess } from './process.ts';
import { waitFor } from './wait.ts';

const CLI = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));
const READY_TIMEOUT_MS = 60_000;

/** A row of `sallyport queue list --json`. */
type QueueEntry = Readonly<Record<string, unknown>> & { readonly id: string };

interface Address {
  readonly host: string;
  readonly port: number;
}

/** A whole gateway: `sallyport serve` as a process of its own, provisioned by the product's code. */
export interface Gateway extends AsyncDisposable {
  readonly domain: string;
  readonly name: string;
  readonly folder: string;
  readonly runtimeFolder: string;
  readonly configFile: string;
  readonly layout: GatewayLayout;
  readonly relay: Address;
  readonly partner: Address;
  readonly submission: Address;
  readonly submissionTls: Address;
  readonly ldapPort: number;
  /** The CA with its key open; the folder of the gateway has none of it. */
  readonly ca: OwnCa;
  readonly caPem: string;
  readonly caFile: string;
  /** What a client verifies this gateway's TLS with. */
  readonly tls: { readonly ca: string; readonly servername: string };
  /** PEM files of the two authorities' certificates. */
  readonly dsaFile: string;
  readonly dcaFile: string;
  setPolicy(policy: object): Promise<void>;
  /** Moves the clock of a gateway that was made with a `testClock`. */
  setTime(now: Date): Promise<void>;
  /** `role` as `serve --role` takes it; all of them if left out. */
  start(role?: string): Promise<void>;
  stop(): Promise<void>;
  output(): string;
  events(kind?: string): Promise<RecordedEvent[]>;
  waitForEvent(
    matches: (event: RecordedEvent) => boolean,
    options?: { readonly what?: string; readonly timeoutMs?: number },
  ): Promise<RecordedEvent>;
  /** Queue ids in a spool folder. */
  queue(folder: 'tmp' | 'incoming' | 'outgoing' | 'hold' | 'corrupt'): Promise<string[]>;
  /** What waits or is held, as `sallyport queue list --json` has it. */
  waiting(): Promise<QueueEntry[]>;
  waitForEntry(matches: (entry: QueueEntry) => boolean, what: string): Promise<QueueEntry>;
  /** Process id of a role as it runs now, or null. */
  pidOf(role: string): Promise<number | null>;
  /** Ends a role with SIGKILL. @returns the id that it had. */
  kill(role: string): Promise<number>;
  /** Stops a role without ending it (SIGSTOP); `resume` lets it go on. */
  freeze(role: string): Promise<() => void>;
}

/** Provisions a gateway without starting it: a policy is needed first. */
export async function makeGateway(options: GatewayOptions): Promise<Gateway> {
  const folder = await temporaryFolder('gateway');
  const runtime = await temporaryFolder('r');
  const domain = options.domain as Domain;
  const name = `gw.${domain}`;
  const ports = await portsOf(options);
  const at = (file: string): string => join(folder.path, file);
  await writeFile(at('gateway.yaml'), stringify(configOf(options, ports, runtime.path)));
  await writePasswords(at('passwords'), options.users ?? {});
  const layout = layoutOf({ dataFolder: at('data'), runtimeFolder: join(runtime.path, 'r') });
  const now = new Date();
  const ca = createCa(domain, 'ec-p256', now);
  await createInnerKeys(layout);
  const authorities = await createAuthorities({ layout, ca, domain, kind: 'rsa-2048', now });
  await publishAuthorities(layout, now);
  const tlsFiles = { certificateFile: at('tls.pem'), keyFile: at('tls-key.pem') };
  await createTlsFiles({ ca, hostName: name, ...tlsFiles, now });
  await mkdir(at('public'));
  await writeFile(at('public/ca.pem'), formatPemCertificate(ca.certificate.der));
  await writeFile(at('public/dsa.pem'), formatPemCertificate(authorities.signing.der));
  await writeFile(at('public/dca.pem'), formatPemCertificate(authorities.confidentiality.der));
  return running({ options, folder, runtime, layout, ports, ca });
}

interface Made {
  readonly options: GatewayOptions;
  readonly folder: TemporaryFolder;
  readonly runtime: TemporaryFolder;
  readonly layout: GatewayLayout;
  readonly ports: Ports;
  readonly ca: OwnCa;
}

function running(made: Made): Gateway {
  const { options, folder, runtime, layout, ports } = made;
  const configFile = join(folder.path, 'gateway.yaml');
  const caPem = formatPemCertificate(made.ca.certificate.der);
  const name = `gw.${options.domain}`;
  const clockFile = join(folder.path, 'clock');
  let server: RunningProcess | null = null;
  let earlier = '';
  const output = (): string => earlier + (server?.output() ?? '');
  const start = async (role?: string): Promise<void> => {
    const clock = options.testClock === undefined ? [] : ['--test-clock', clockFile];
    const only = role === undefined ? [] : ['--role', role];
    const args = [CLI, 'serve', '--config', configFile, ...clock, ...only];
    server = await startProcess(process.execPath, args);
    const own = server;
    // A gateway that ends instead is told at once.
    const isReady = (): boolean => own.hasEnded() || own.output().includes('gateway.ready');
    const what = `gateway of ${options.domain}`;
    await waitFor(isReady, { what, timeoutMs: READY_TIMEOUT_MS }).catch((cause: unknown) => {
      throw new Error(own.output(), { cause });
    });
    if (own.hasEnded()) throw new Error(`${what} ended: ${own.output()}`);
  };
  const stop = async (): Promise<void> => {
    await server?.stop();
    earlier = output();
    server = null;
  };
  const address = (port: number, host = '127.0.0.1'): Address => ({ host, port });
  return {
    domain: options.domain,
    name,
    folder: folder.path,
    runtimeFolder: runtime.path,
    configFile,
    layout,
    relay: address(ports.relay),
    partner: address(ports.partner, options.address),
    submission: address(ports.submission),
    submissionTls: address(ports.submissionTls),
    ldapPort: ports.ldap,
    ca: made.ca,
    caPem,
    caFile: join(folder.path, 'public', 'ca.pem'),
    tls: { ca: caPem, servername: name },
    dsaFile: join(folder.path, 'public', 'dsa.pem'),
    dcaFile: join(folder.path, 'public', 'dca.pem'),
    setPolicy: (policy) => setPolicy(layout, policy),
    setTime: (now) => writeFile(clockFile, now.toISOString()),
    start,
    stop,
    output,
    ...auditOf(layout, output),
    ...queueOf(configFile),
    ...processesOf(() => server?.pid ?? null),
    queue: (name) => listQueue(join(layout.spool, name)),
    [Symbol.asyncDispose]: async () => {
      await stop();
      await runtime[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function setPolicy(layout: GatewayLayout, policy: object): Promise<void> {
  const by = { author: 'test', reason: 'what this test is about', now: new Date() };
  const result = await importPolicy(layout.policy, stringify(policy), by);
  if (result.kind === 'invalid') throw new Error(JSON.stringify(result.faults));
}

async function listQueue(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^[0-9a-z]{20}$/.test(name.replace(/\.[a-z]+$/, ''))).sort();
}

function auditOf(
  layout: GatewayLayout,
  output: () => string,
): Pick<Gateway, 'events' | 'waitForEvent'> {
  const events = async (kind?: string): Promise<RecordedEvent[]> => {
    const filter = kind === undefined ? {} : { kinds: [kind] };
    const found: RecordedEvent[] = [];
    for await (const event of readEvents(await auditSegments(layout.audit), filter)) {
      found.push(event);
    }
    return found;
  };
  return {
    events,
    waitForEvent: async (matches, { what = 'event in the audit log', timeoutMs = 15_000 } = {}) => {
      try {
        const probe = async (): Promise<RecordedEvent | undefined> =>
          (await events()).find(matches);
        return await waitFor(probe, { what, timeoutMs });
      } catch (cause) {
        const log = (await events()).slice(-25).map((one) => JSON.stringify({ ...one, leaf: '' }));
        throw new Error(`${what} is missing\n${log.join('\n')}\n${output().slice(-4_000)}`, {
          cause,
        });
      }
    },
  };
}

function queueOf(configFile: string): Pick<Gateway, 'waiting' | 'waitForEntry'> {
  const waiting = async (): Promise<QueueEntry[]> => {
    const result = await sallyport('queue', 'list', '--json', '--config', configFile);
    if (result.code !== 0) throw new Error(result.stderr);
    const lines = String(result.stdout)
      .split('\n')
      .filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as QueueEntry);
  };
  return {
    waiting,
    waitForEntry: async (matches, what) => {
      let last: QueueEntry[] = [];
      const probe = async (): Promise<QueueEntry | undefined> => {
        last = await waiting();
        return last.find(matches);
      };
      return await waitFor(probe, { what }).catch((cause: unknown) => {
        throw new Error(`${what}; the queue is ${JSON.stringify(last)}`, { cause });
      });
    },
  };
}

/** Works on the children of the supervisor as the kernel knows them. */
function processesOf(supervisor: () => number | null): Pick<Gateway, 'pidOf' | 'kill' | 'freeze'> {
  const pidOf = async (role: string): Promise<number | null> => {
    const parent = supervisor();
    if (parent === null) return null;
    const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8');
    for (const pid of children.trim().split(' ')) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (line.includes(`/options/${role}.json`)) return Number(pid);
    }
    return null;
  };
  const needed = async (role: string): Promise<number> =>
    await waitFor(() => pidOf(role), { what: `process ${role}` });
  return {
    pidOf,
    kill: async (role) => {
      const pid = await needed(role);
      process.kill(pid, 'SIGKILL');
      await waitFor(async () => (await pidOf(role)) !== pid, { what: `end of ${role}` });
      return pid;
    },
    freeze: async (role) => {
      const pid = await needed(role);
      process.kill(pid, 'SIGSTOP');
      return () => {
        process.kill(pid, 'SIGCONT');
      };
    },
  };
}

/** Provisions a gateway, gives it a policy and starts it. */
export async function startGateway(options: GatewayOptions, policy: object): Promise<Gateway> {
  const gateway = await makeGateway(options);
  try {
    await gateway.setPolicy(policy);
    if (options.testClock !== undefined) await gateway.setTime(options.testClock);
    await gateway.start();
    return gateway;
  } catch (error) {
    await gateway[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs the command line as people do. */
export async function sallyport(...args: readonly string[]): Promise<RunResult> {
  return await run(process.execPath, [CLI, ...args]);
}

/** A partner record in which everything is demanded, both ways; `change` goes over it. */
export function partnerRecord(
  options: { readonly name: string; readonly domain: string; readonly anchor: string },
  change: {
    readonly outbound?: object;
    readonly inbound?: object;
    readonly tls?: object;
    readonly trust?: object;
  } = {},
): object {
  const { domain, anchor } = options;
  return {
    name: options.name,
    domains: [domain],
    outbound: {
      sign: 'domain',
      profile: 'domsec',
      encrypt: 'required',
      discovery: ['ldap-srv'],
      ...change.outbound,
    },
    inbound: {
      signature: 'domain-required',
      encryption: 'required',
      otherwise: 'refuse',
      ...change.inbound,
    },
    tls: { level: 'secure', match: [`.${domain}`], anchors: [anchor], ...change.tls },
    trust: { anchors: [anchor], revocation: 'off', ...change.trust },
  };
}
