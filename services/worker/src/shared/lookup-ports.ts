import { createResolver, type LocatePorts, LookupMemory, systemRandom } from '@sallyport/lookup';
import type { Clock } from '@sallyport/mail';
import type { WorkerOptions } from '../options.ts';

const DNS_TIMEOUT_MS = 3_000;

/** What lookups need of the world, from a worker's options. */
export function createLookupPorts(options: WorkerOptions, clock: Clock): LocatePorts {
  const resolver = createResolver({
    servers: options.dns.servers.map(({ host, port }) => ({ address: host, port })),
    trusted: options.dns.trusted,
    timeoutMs: DNS_TIMEOUT_MS,
    clock,
    random: systemRandom,
  });
  return {
    resolver,
    clock,
    random: systemRandom,
    memory: new LookupMemory(clock),
    allowPrivateAddresses: options.allowPrivateAddresses,
  };
}
