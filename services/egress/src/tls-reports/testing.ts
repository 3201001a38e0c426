/** What the tests of TLS reports share: a collector over a bench, and DNS answers by hand. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger } from '@sallyport/log';
import { type FetchPorts, LookupMemory, type Resolver } from '@sallyport/lookup';
import type { Domain } from '@sallyport/mail';
import type { TlsResult } from '@sallyport/transport';
import type { DeliverPorts } from '../deliver.ts';
import type { Bench } from '../testing.ts';
import { TlsReports } from './tls-reports.ts';

export const BRAVO = 'bravo.example';
const logger = createLogger({ service: 'test', now: () => new Date(0), write: () => {} });

/** TXT records by name, and A records; `failure` for a name that cannot be asked. */
export interface Zone {
  readonly txt: Record<string, readonly string[] | 'failure'>;
  readonly tlsAnchors?: readonly string[];
}

function fetchPorts(zone: Zone, bench: Pick<Bench, 'world'>): FetchPorts {
  const query = async (name: string, type: string) => {
    const common = { dnssec: 'insecure', ttlSeconds: 60 };
    if (type === 'A') return { kind: 'answer', records: ['127.0.0.1'], ...common };
    const records = type === 'TXT' ? zone.txt[name] : undefined;
    if (records === 'failure') return { kind: 'failure', reason: 'SERVFAIL' };
    return records === undefined
      ? { kind: 'none', ...common }
      : { kind: 'answer', records, ...common };
  };
  return {
    resolver: { query } as unknown as Resolver,
    memory: new LookupMemory({ now: () => bench.world.now }),
    allowPrivateAddresses: true,
    ...(zone.tlsAnchors === undefined ? {} : { tlsAnchors: [...zone.tlsAnchors] }),
  };
}

/** A collector as egress has it; opened again on the same bench it is one after a restart. */
export async function openReports(bench: Bench, zone: Zone): Promise<TlsReports> {
  const folder = join(bench.folder, 'tls-reports');
  await mkdir(folder, { recursive: true });
  return await TlsReports.open({
    folder,
    gatewayName: 'gw.acme.example',
    submitter: 'acme.example',
    ownDomains: ['acme.example'],
    sendingIp: null,
    clock: bench.ports.clock,
    logger,
    ports: {
      ...bench.ports,
      fetch: fetchPorts(zone, bench),
      from: { localPart: 'postmaster', domain: 'acme.example' as Domain },
    },
  });
}

/** The ports of a bench whose host was found by MX: what an operator configured is not reported on. */
export function byMx(bench: Bench, tlsReports: TlsReports): DeliverPorts {
  const { routes } = bench.ports;
  const locate: DeliverPorts['routes']['locate'] = async (domain) => {
    const located = await routes.locate(domain);
    if (located.route.kind !== 'hops') return located;
    const [hop] = located.route.hops;
    const hops = [{ ...hop, hostSource: 'insecure-mx' }] as const;
    return { ...located, route: { ...located.route, hops } };
  };
  return { ...bench.ports, routes: { ...routes, locate }, tlsReports };
}

export function tlsResult(change: Partial<TlsResult> = {}): TlsResult {
  return {
    policy: { type: 'no-policy-found', domain: BRAVO, strings: [], isEnforced: false },
    result: 'success',
    reason: null,
    mx: `mx.${BRAVO}`,
    address: '192.0.2.1',
    ...change,
  };
}
