import type { PolicyDocument, TlsPolicy } from './schema.ts';

/** What of a gateway's config decides which TLS levels it can hold to. */
export interface WayOut {
  /** Routes by recipient domain; `*` is the smart host. */
  readonly routes: readonly { readonly domain: string; readonly trustedHop: boolean }[];
  readonly dns: { readonly trusted: boolean };
}

const MAX_NAMED = 5;
const OPPORTUNISTIC: ReadonlySet<TlsPolicy['level']> = new Set(['none', 'may', 'dane']);

/**
 * Finds TLS levels that cannot be held to with this config: those that a smart host would make void,
 * and those that live by DNSSEC where no resolver's word on it counts.
 *
 * @returns one sentence for each.
 */
export function transportFaults(policy: PolicyDocument, config: WayOut): string[] {
  return [...smartHostFaults(policy, config.routes), ...dnssecFaults(policy, config)];
}

/**
 * The level is checked on the way to the next hop, so it says nothing about the partner's own server
 * unless that hop is trusted for it (design section 4, Routing).
 */
function smartHostFaults(policy: PolicyDocument, routes: WayOut['routes']): string[] {
  const smartHost = routes.find((route) => route.domain === '*');
  if (smartHost === undefined || smartHost.trustedHop) return [];
  return policy.partners.flatMap(({ name, tls, domains }) => {
    const goesBySmartHost = domains.some((domain) => !isRouted(domain, routes));
    return !OPPORTUNISTIC.has(tls.level) && goesBySmartHost
      ? [
          `${name}: tls.level ${tls.level} cannot be held to behind the smart host; give its domains a route, or set trustedHop on the route *`,
        ]
      : [];
  });
}

function isRouted(domain: string, routes: WayOut['routes']): boolean {
  return routes.some((route) => route.domain === domain);
}

/** Every TLS rule by name, that of everybody else last. */
function rulesOf({ partners, default: others }: PolicyDocument) {
  const named = partners.map(({ name, tls, domains }) => ({ name, tls, domains }));
  return [...named, { name: 'default', tls: others.tls, domains: ['*'] }];
}

/**
 * Finds what a policy asks for and this config leaves without effect, though nothing that it demands.
 *
 * @returns one sentence for each kind.
 */
export function transportWarnings(policy: PolicyDocument, { dns }: WayOut): string[] {
  if (dns.trusted) return [];
  const asking = rulesOf(policy).filter(
    ({ tls: { level, dane } }) => (level === 'may' || level === 'encrypt') && dane === 'auto',
  );
  if (asking.length === 0) return [];
  const shown = asking.slice(0, MAX_NAMED).map(({ name }) => name);
  const more = asking.length > MAX_NAMED ? ` and ${asking.length - MAX_NAMED} more` : '';
  return [
    `TLSA records count for nobody, since dns.trusted is false: tls.dane auto has no effect for ${shown.join(', ')}${more}`,
  ];
}

function dnssecFaults(policy: PolicyDocument, { routes, dns }: WayOut): string[] {
  if (dns.trusted) return [];
  return rulesOf(policy).flatMap(({ name, tls, domains }) => {
    if (tls.level === 'dane-only' || tls.level === 'dane') {
      const instead = tls.level === 'dane' ? ', and is no more than may without one' : '';
      return [
        `${name}: tls.level ${tls.level} needs a resolver whose DNSSEC counts${instead}; set dns.trusted in the config`,
      ];
    }
    // Names of routes are the admin's own word; those of an MX are its owner's, or a forger's.
    const goesByMx = domains.some((domain) => !isRouted(domain, routes));
    const usesMxName = tls.level === 'verify' && tls.match.length === 0 && goesByMx;
    return usesMxName
      ? [
          `${name}: tls.level verify takes the name of the server from the MX, which nothing proves while dns.trusted is false; use secure with match`,
        ]
      : [];
  });
}

/**
 * Who says what TLS must do on the way to a domain: the policy; the route that it goes by; or both, the
 * route beside a level that it may not relax. `route` is null where mail goes by MX.
 */
export function tlsDecider(
  level: TlsPolicy['level'],
  of: { readonly route: { readonly trustedHop: boolean } | null; readonly isOwn: boolean },
): 'policy' | 'route' | 'both' {
  if (of.route === null) return 'policy';
  const isLeft = of.route.trustedHop || of.isOwn || OPPORTUNISTIC.has(level);
  return isLeft ? 'route' : 'both';
}
