import type { egressProtocol, IpcClient } from '@sallyport/ipc';
import type { Clock } from '@sallyport/mail';

const KNOWN_MS = 10 * 60_000;
const UNKNOWN_MS = 60_000;
const DEADLINE_MS = 2_000;
const MAX_DOMAINS = 10_000;

/**
 * What the next hop of a domain takes (RFC 1870 SIZE), as egress sees it, remembered for a while.
 * An egress that does not know in time costs nothing but the early refusal.
 */
export function nextHopLimits(
  egress: IpcClient<typeof egressProtocol>,
  clock: Clock,
): (domain: string) => Promise<number | null> {
  const known = new Map<string, { readonly limit: Promise<number | null>; until: number }>();
  return async (domain) => {
    const now = clock.now().getTime();
    const found = known.get(domain);
    if (found !== undefined && now < found.until) return await found.limit;
    if (known.size >= MAX_DOMAINS) known.clear();
    const limit = egress
      .call('probeSize', { domain }, { deadlineMs: DEADLINE_MS })
      .then(({ sizeBytes }) => sizeBytes)
      .catch(() => null);
    const entry = { limit, until: now + UNKNOWN_MS };
    known.set(domain, entry);
    if ((await limit) !== null) entry.until = now + KNOWN_MS;
    return await limit;
  };
}
