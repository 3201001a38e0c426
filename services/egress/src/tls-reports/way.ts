import type { NextHop, TlsRule } from '@sallyport/transport';
import type { LocatedRoute } from '../ports.ts';

const ANY_WAY: TlsRule = { level: 'may', dane: 'off', mtaSts: 'off' };

/**
 * RFC 8460 section 3: a report goes out despite all TLS failures, for it tells of them. A hop that the
 * operator configured keeps its rule: it is not what the report is about.
 */
export function wayOfReport(located: LocatedRoute): LocatedRoute {
  const { route } = located;
  if (route.kind !== 'hops' || located.rule.startsWith('route:')) return located;
  const [first, ...others] = route.hops;
  const open = (hop: NextHop): NextHop => ({ ...hop, tlsRule: ANY_WAY, furtherRules: [] });
  return {
    ...located,
    route: { ...route, hops: [open(first), ...others.map(open)] },
    tlsRule: ANY_WAY,
    rule: 'tls-report',
  };
}
