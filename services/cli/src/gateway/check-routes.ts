import type { GatewayConfig } from '@sallyport/config';
import type { PolicyDocument } from '@sallyport/policy';

/**
 * Finds partners whose TLS level a smart host would make void: the level is checked on the way to
 * the next hop, so it says nothing about the partner's own server unless that hop is trusted for it
 * (design section 4, Routing).
 *
 * @returns one sentence for each such partner.
 */
export function smartHostFaults(policy: PolicyDocument, routes: GatewayConfig['routes']): string[] {
  const smartHost = routes.find((route) => route.domain === '*');
  if (smartHost === undefined || smartHost.trustedHop) return [];
  return policy.partners.flatMap(({ name, tls, domains }) => {
    const isMandatory = tls.level === 'encrypt' || tls.level === 'secure';
    const goesBySmartHost = domains.some(
      (domain) => !routes.some((route) => route.domain === domain),
    );
    return isMandatory && goesBySmartHost
      ? [
          `${name}: tls.level ${tls.level} cannot be held to behind the smart host; give its domains a route, or set trustedHop on the route *`,
        ]
      : [];
  });
}
