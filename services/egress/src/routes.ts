import { locateMx, type MailRoute, type Resolver, systemRandom } from '@sallyport/lookup';
import type { Domain } from '@sallyport/mail';
import { tlsPolicyFor } from '@sallyport/policy';
import type { ActivePolicy } from '@sallyport/policy-store/read';
import {
  asksTlsa,
  type HostAddresses,
  locateTlsa,
  type MtaStsLocator,
  type RouteRow,
  resolveRoute,
  tlsRuleOf,
} from '@sallyport/transport';
import type { LocatedRoute, RouteLocator } from './ports.ts';

interface RouteOptions {
  readonly rows: readonly RouteRow[];
  readonly ownDomains: readonly string[];
  readonly mxPort: number;
  readonly resolver: Resolver;
  readonly mtaSts: MtaStsLocator;
  /** The version in force, or the one that is named. */
  readonly policy: (version?: number) => Promise<ActivePolicy>;
}

/** Routes by table, MX and policy, by recipient domain (TR-7). */
export function createRouteLocator(options: RouteOptions): RouteLocator {
  const own = new Set(options.ownDomains);
  const mxLookup = (domain: Domain): Promise<MailRoute> =>
    locateMx(domain, { resolver: options.resolver, random: systemRandom });
  return {
    locate: async (domain, version): Promise<LocatedRoute> => {
      const active = await options.policy(version);
      const applied = tlsPolicyFor(active.policy, domain);
      const partnerRule = own.has(domain) ? null : tlsRuleOf(applied.tls);
      const route = await resolveRoute({
        domain,
        routes: options.rows,
        partnerRule,
        mxPort: options.mxPort,
        mxLookup,
        addressLookup: (host) => addressesOf(host, options.resolver),
        mtaStsLookup: (next) => options.mtaSts.locate(next),
      });
      const used = route.kind === 'hops' ? route.hops[0].tlsRule : null;
      return {
        route,
        tlsRule: used ?? partnerRule ?? { level: 'none' },
        rule: used !== null && used !== partnerRule ? `route:${domain}` : applied.rule,
        policyVersion: active.version,
        requireTls: {
          isDemanded: !own.has(domain) && applied.tls.requireTls,
          honoursNo: applied.tls.tlsRequiredNo === 'honour',
        },
      };
    },
    withTlsa: async (hop) =>
      asksTlsa(hop.tlsRule) ? { ...hop, tlsa: await locateTlsa(hop, options.resolver) } : hop,
  };
}

async function addressesOf(host: string, resolver: Resolver): Promise<HostAddresses> {
  if (host === 'localhost') return { kind: 'addresses', addresses: ['127.0.0.1'] };
  const [v6, v4] = await Promise.all([resolver.query(host, 'AAAA'), resolver.query(host, 'A')]);
  const addresses = [
    ...(v6.kind === 'answer' ? v6.records : []),
    ...(v4.kind === 'answer' ? v4.records : []),
  ];
  if (addresses.length > 0) return { kind: 'addresses', addresses };
  const failure = v4.kind === 'failure' ? v4 : v6.kind === 'failure' ? v6 : null;
  return failure === null ? { kind: 'none' } : { kind: 'failure', reason: failure.reason };
}
