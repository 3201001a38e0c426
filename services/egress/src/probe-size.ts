import type { Clock, Domain } from '@sallyport/mail';
import { sizeLimit } from '@sallyport/transport';
import type { SessionPool } from './pool.ts';
import type { RouteLocator } from './ports.ts';

const KNOWN_MS = 60 * 60_000;
const UNKNOWN_MS = 60_000;
const MAX_DOMAINS = 10_000;

interface Known {
  readonly sizeBytes: Promise<number | null>;
  until: number;
}

/**
 * What the next hop of a domain takes (RFC 1870), remembered. It connects under the domain's TLS
 * rule like any delivery, and leaves the connection for the message that follows.
 */
export class SizeProbe {
  readonly #ports: {
    readonly routes: RouteLocator;
    readonly pool: SessionPool;
    readonly clock: Clock;
  };
  readonly #known = new Map<Domain, Known>();

  constructor(ports: {
    readonly routes: RouteLocator;
    readonly pool: SessionPool;
    readonly clock: Clock;
  }) {
    this.#ports = ports;
  }

  /** Null if the hop announces no limit, or cannot be asked now. */
  async probe(domain: Domain): Promise<number | null> {
    const now = this.#ports.clock.now().getTime();
    const found = this.#known.get(domain);
    if (found !== undefined && found.until > now) return found.sizeBytes;
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_DOMAINS && oldest !== undefined) this.#known.delete(oldest);
    const known: Known = { sizeBytes: this.#ask(domain), until: now + UNKNOWN_MS };
    this.#known.set(domain, known);
    const sizeBytes = await known.sizeBytes;
    if (sizeBytes !== null) known.until = now + KNOWN_MS;
    return sizeBytes;
  }

  async #ask(domain: Domain): Promise<number | null> {
    const { route } = await this.#ports.routes.locate(domain);
    if (route.kind === 'fault') return null;
    for (const hop of route.hops) {
      const loan = await this.#ports.pool.acquire(await this.#ports.routes.withTlsa(hop), {
        fresh: false,
      });
      if (loan.kind === 'fault') continue;
      loan.release({ isReusable: true });
      return sizeLimit(loan.session);
    }
    return null;
  }
}
