import { readFile } from 'node:fs/promises';
import { type Metrics, Secret } from '@sallyport/log';
import {
  createResolver,
  type LdapServerSettings,
  type LocatePorts,
  LookupMemory,
  RevocationMemory,
  systemRandom,
  type TraceStep,
} from '@sallyport/lookup';
import type { Clock } from '@sallyport/mail';
import { HarvestedCertificates } from '../harvested/harvested-certificates.ts';
import type { WorkerOptions } from '../options.ts';

const DNS_TIMEOUT_MS = 3_000;

/** What finding and proving a certificate needs of the world. */
export type LookupPorts = LocatePorts & {
  readonly revocation: RevocationMemory;
  /** A list that was fetched longer ago is fetched anew; what was proven is proven anew as well. */
  readonly revocationRefreshMs: number;
};

/**
 * What lookups need of the world, from a worker's options.
 *
 * @throws if a file that the config names cannot be read.
 */
export async function createLookupPorts(
  options: WorkerOptions,
  clock: Clock,
  metrics?: Metrics,
): Promise<LookupPorts> {
  const { tlsAnchorsFile, ldapServers, revocationRefreshMs } = options.lookup;
  const resolver = createResolver({
    servers: options.dns.servers.map(({ host, port }) => ({ address: host, port })),
    trusted: options.dns.trusted,
    timeoutMs: DNS_TIMEOUT_MS,
    clock,
    random: systemRandom,
  });
  const harvested = new HarvestedCertificates(options.harvestedFolder);
  return {
    resolver,
    clock,
    random: systemRandom,
    memory: new LookupMemory(clock),
    allowPrivateAddresses: options.allowPrivateAddresses,
    ...(tlsAnchorsFile === null ? {} : { tlsAnchors: [await readFile(tlsAnchorsFile, 'utf8')] }),
    ldapServers: await Promise.all(ldapServers.map(serverOf)),
    harvested: async (mailbox) => await harvested.of(mailbox),
    revocation: new RevocationMemory(clock, { refreshAfterMs: revocationRefreshMs }),
    revocationRefreshMs,
    ...(metrics === undefined ? {} : { onStep: (step) => countStep(metrics, step) }),
  };
}

function countStep(metrics: Metrics, { door, outcome, tookMs }: TraceStep): void {
  metrics.add('sallyport_lookups_total', { door, outcome });
  // Zero: nobody was asked.
  if (tookMs > 0) metrics.observe('sallyport_lookup_duration_seconds', { door }, tookMs / 1_000);
}

async function serverOf(
  server: WorkerOptions['lookup']['ldapServers'][number],
): Promise<LdapServerSettings> {
  const { bind, anchorsFile, ...settings } = server;
  return {
    ...settings,
    ...(bind === undefined
      ? {}
      : { bind: { dn: bind.dn, password: await readPassword(bind.passwordFile) } }),
    ...(anchorsFile === undefined ? {} : { anchors: [await readFile(anchorsFile, 'utf8')] }),
  };
}

async function readPassword(file: string): Promise<Secret> {
  const [line = ''] = (await readFile(file, 'utf8')).split(/\r?\n/, 1);
  return new Secret(Buffer.from(line));
}
