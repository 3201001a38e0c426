import { readFileSync } from 'node:fs';
import type { GatewayConfig } from '@sallyport/config';
import { never } from '@sallyport/mail';
import type { TlsRule } from '@sallyport/transport';

export function routeOf(config: GatewayConfig, domain: string) {
  const route = config.routes.find((one) => one.domain === domain);
  // check-config has seen to it that each domain of ours has a route.
  if (route === undefined) throw new Error(`no route for ${domain}`);
  const { nextHops, tlsRule } = routeRow(route);
  return { nextHops, tlsRule };
}

export function routeRow({ domain, nextHops, tls, trustedHop }: GatewayConfig['routes'][number]) {
  return { domain, nextHops, tlsRule: routeRule(tls), trustedHop };
}

function routeRule(tls: GatewayConfig['routes'][number]['tls']): TlsRule {
  const { level, match, minVersion, ciphers } = tls;
  const profile = { minVersion, ciphers };
  const pins = tls.pins.map((spki) => ({ spki, state: 'current' as const }));
  switch (level) {
    case 'none':
      return { level };
    case 'may':
    case 'encrypt':
    case 'dane':
    case 'dane-only':
      return { level, ...profile };
    case 'fingerprint':
      return { level, ...profile, pins };
    case 'verify':
    case 'secure': {
      const { anchorsFile } = tls;
      const anchors = anchorsFile === undefined ? 'system' : [readFileSync(anchorsFile, 'utf8')];
      return { level, ...profile, match, anchors, pins };
    }
    default:
      return never(level);
  }
}
