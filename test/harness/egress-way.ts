import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditEvent } from '@sallyport/audit-log';
import { createLogger } from '@sallyport/log';
import { createResolver, LookupMemory, systemRandom } from '@sallyport/lookup';
import { parsePolicyDocument } from '@sallyport/policy';
import { MtaStsLocator, TlsContexts } from '@sallyport/transport';
import { deliver } from '../../services/egress/src/deliver.ts';
import { MtaStsFolder } from '../../services/egress/src/mta-sts-store.ts';
import { SessionPool } from '../../services/egress/src/pool.ts';
import { createRouteLocator } from '../../services/egress/src/routes.ts';
import { bench } from '../../services/egress/src/testing.ts';
import { temporaryFolder } from './folder.ts';

const DNS_TIMEOUT_MS = 2_000;
const DAY_MS = 86_400_000;

/** What became of one message, as the audit log tells it. */
export interface Delivery {
  readonly kind: string;
  readonly fault: string | undefined;
  readonly sentence: string;
  readonly mx: string | undefined;
  /** What told who the server is; null in clear. */
  readonly identity: string | null;
  readonly results: readonly {
    readonly policyType: string;
    readonly policyDomain: string;
    readonly result: string;
    readonly enforced: boolean;
    readonly mx: string;
  }[];
}

export interface Way extends AsyncDisposable {
  /** Sends one message to the domain under a `tls` part of the policy. */
  send(domain: string, tls: object): Promise<Delivery>;
  /** A locator that knows no more than the folder does: what a restart leaves. */
  restart(): void;
  /** Moves the clock of routes, policies and checks; DNS answers grow old by it as well. */
  advance(ms: number): void;
  readonly policyFolder: string;
}

/** Routes, policies, connections and deliveries of egress, in this process, with a real resolver. */
export async function startEgressWay(options: {
  readonly dnsPort: number;
  readonly mxPort: number;
  /** Whom policy hosts are verified with. */
  readonly webAnchors?: readonly string[];
}): Promise<Way> {
  const stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await temporaryFolder('egress-way'));
  const world = stack.use(await bench([], { level: 'may' }));
  const policyFolder = join(folder, 'mta-sts');
  await mkdir(policyFolder);
  const started = Date.now();
  let ahead = 0;
  const clock = { now: () => new Date(Date.now() + ahead) };
  const logger = createLogger({ service: 'test', now: () => new Date(started), write: () => {} });
  const resolverOf = () =>
    createResolver({
      servers: [{ address: '127.0.0.1', port: options.dnsPort }],
      trusted: true,
      timeoutMs: DNS_TIMEOUT_MS,
      clock,
      random: systemRandom,
    });
  const locatorOf = (resolver: ReturnType<typeof resolverOf>) =>
    new MtaStsLocator({
      resolver,
      clock,
      memory: new LookupMemory(clock),
      allowPrivateAddresses: true,
      ...(options.webAnchors === undefined ? {} : { tlsAnchors: options.webAnchors }),
      store: new MtaStsFolder({ folder: policyFolder, logger }),
      onProblem: () => {},
    });
  let resolver = resolverOf();
  let mtaSts = locatorOf(resolver);
  const send = async (domain: string, tls: object): Promise<Delivery> => {
    const parsed = parsePolicyDocument({ default: { tls } });
    if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.faults));
    const routes = createRouteLocator({
      rows: [],
      ownDomains: [],
      mxPort: options.mxPort,
      resolver,
      mtaSts,
      policy: async () => ({ version: 1, sha256: '', policy: parsed.policy }),
    });
    // A day later: what a destination or an address did to the message before is forgotten.
    world.world.now = new Date(world.world.now.getTime() + DAY_MS);
    const header = await world.put('Subject: hi\r\n\r\nhi\r\n', {
      createdAt: world.world.now.toISOString(),
      forwardPaths: [{ path: `bob@${domain}` }],
    });
    const { timeouts } = world.ports;
    const pool = new SessionPool({
      settings: { ehloName: 'gw.acme.example', timeouts, contexts: new TlsContexts(null), clock },
      ...{ idleMs: 1_000, maxUses: 1, maxIdle: 0, logger },
    });
    await deliver(header.id, { ...world.ports, routes, pool });
    pool.close();
    const event = world.events.findLast((one) => 'queueId' in one && one.queueId === header.id);
    if (event === undefined) throw new Error('nothing was recorded');
    return deliveryOf(event);
  };
  return {
    send,
    policyFolder,
    restart: () => {
      resolver = resolverOf();
      mtaSts = locatorOf(resolver);
    },
    advance: (ms) => {
      ahead += ms;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function deliveryOf(event: AuditEvent): Delivery {
  const isFate = event.kind === 'relayed' || event.kind === 'deferred' || event.kind === 'failed';
  if (!isFate) throw new Error(`unexpected event ${event.kind}`);
  return {
    kind: event.kind,
    fault: 'fault' in event ? event.fault : undefined,
    sentence: event.sentence ?? '',
    mx: event.mx,
    identity: event.tls?.result ?? null,
    results: event.tlsResults ?? [],
  };
}
