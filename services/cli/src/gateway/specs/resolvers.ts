import { readFileSync } from 'node:fs';
import type { GatewayConfig } from '@sallyport/config';

/** The resolvers to ask, and whether their word on DNSSEC counts. */
export function dnsOf(config: Pick<GatewayConfig, 'dns'>) {
  const { servers, trusted } = config.dns;
  return { servers: servers.length > 0 ? servers : systemResolvers(), trusted };
}

/** The resolvers of /etc/resolv.conf; the local host where it names none (resolv.conf(5)). */
function systemResolvers(): { host: string; port: number }[] {
  const text = readFileSync('/etc/resolv.conf', 'utf8');
  const found = [...text.matchAll(/^\s*nameserver\s+([0-9a-fA-F:.]+)/gm)].map((match) => ({
    host: match[1] ?? '',
    port: 53,
  }));
  return found.length > 0 ? found : [{ host: '127.0.0.1', port: 53 }];
}
