import type { GatewayConfig } from '@sallyport/config';
import type { PolicyDocument } from '@sallyport/policy';
import { isMandatory, tlsRuleOf } from '@sallyport/transport';

/**
 * Finds TLS levels that cannot be held to with this config: those that a smart host would make void,
 * and those that live by DNSSEC where no resolver's word on it counts.
 *
 * @returns one sentence for each.
 */
export function transportFaults(
  policy: PolicyDocument,
  config: Pick<GatewayConfig, 'routes' | 'dns'>,
): string[] {
  return [...smartHostFaults(policy, config.routes), ...dnssecFaults(policy, config)];
}

/**
 * The level is checked on the way to the next hop, so it says nothing about the partner's own server
 * unless that hop is trusted for it (design section 4, Routing).
 */
function smartHostFaults(policy: PolicyDocument, routes: GatewayConfig['routes']): string[] {
  const smartHost = routes.find((route) => route.domain === '*');
  if (smartHost === undefined || smartHost.trustedHop) return [];
  return policy.partners.flatMap(({ name, tls, domains }) => {
    const goesBySmartHost = domains.some((domain) => !isRouted(domain, routes));
    return isMandatory(tlsRuleOf(tls)) && goesBySmartHost
      ? [
          `${name}: tls.level ${tls.level} cannot be held to behind the smart host; give its domains a route, or set trustedHop on the route *`,
        ]
      : [];
  });
}

function isRouted(domain: string, routes: GatewayConfig['routes']): boolean {
  return routes.some((route) => route.domain === domain);
}

function dnssecFaults(
  policy: PolicyDocument,
  { routes, dns }: Pick<GatewayConfig, 'routes' | 'dns'>,
): string[] {
  if (dns.trusted) return [];
  const rules = [
    ...policy.partners.map(({ name, tls, domains }) => ({ name, tls, domains })),
    { name: 'default', tls: policy.default.tls, domains: ['*'] },
  ];
  return rules.flatMap(({ name, tls, domains }) => {
    if (tls.level === 'dane-only') {
      return [
        `${name}: tls.level dane-only needs a resolver whose DNSSEC counts; set dns.trusted in the config`,
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
