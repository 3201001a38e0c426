import { isIP } from 'node:net';
import type { FaultId } from '@sallyport/faults';
import type { MailRoute, NonEmpty } from '@sallyport/lookup';
import type { Domain } from '@sallyport/mail';
import type { HostSource } from './dane/locate-tlsa.ts';
import type { MtaStsFinding } from './mta-sts/locate.ts';
import type { FurtherRule } from './tls-demand-join.ts';
import { asksMtaSts, isMandatory, type TlsRule } from './tls-rule.ts';

/** One row of the routes table. */
export interface RouteRow {
  /** A domain, or `*` for the smart host that takes everything else. */
  readonly domain: string;
  readonly nextHops: readonly { readonly host: string; readonly port: number }[];
  readonly tlsRule: TlsRule;
  /** The partner row names this hop as trusted: the route's TLS rule stands for the partner's. */
  readonly trustedHop: boolean;
}

/** One place to connect to, with the TLS rule that holds on that way. */
export interface NextHop {
  readonly host: string;
  readonly port: number;
  readonly address: string;
  readonly tlsRule: TlsRule;
  /** What must be met beside the rule; nothing if left out. */
  readonly furtherRules?: readonly FurtherRule[];
  /** What `secure` without `match` compares with. */
  readonly nexthopDomain: string;
  /** How the name of the host is known. */
  readonly hostSource: HostSource;
  /** What the next-hop domain demands; left out where nobody looked. */
  readonly mtaSts?: MtaStsFinding;
}

export type Route =
  | {
      readonly kind: 'hops';
      /** In the order to try. */
      readonly hops: NonEmpty<NextHop>;
      readonly via: 'route' | 'smart-host' | 'mx' | 'implicit-mx';
    }
  | { readonly kind: 'fault'; readonly fault: FaultId; readonly reason: string };

/** What is known of a host name's addresses. */
export type HostAddresses =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'failure'; readonly reason: string };

export interface RouteRequest {
  readonly domain: Domain;
  readonly routes: readonly RouteRow[];
  /** The policy's rule for the recipient domain; null for a domain of ours. */
  readonly partnerRule: TlsRule | null;
  /** Another rule of the policy for the recipient domain that must be met as well. */
  readonly furtherRule?: Omit<FurtherRule, 'nexthopDomain'>;
  /** Port of hosts found by MX. */
  readonly mxPort: number;
  readonly mxLookup: (domain: Domain) => Promise<MailRoute>;
  readonly addressLookup: (host: string) => Promise<HostAddresses>;
  /** Asked for hosts found by MX, where the rule lets a policy count. */
  readonly mtaStsLookup: (domain: Domain) => Promise<MtaStsFinding>;
}

const MAX_HOPS = 20;

/** Where mail for a domain goes next: the routes table first, then MX (RFC 5321 section 5.1). */
export async function resolveRoute(request: RouteRequest): Promise<Route> {
  const exact = request.routes.find((row) => row.domain === request.domain);
  if (exact !== undefined) return tableRoute(request, exact, 'route');
  const smart = request.routes.find((row) => row.domain === '*');
  if (smart !== undefined) return tableRoute(request, smart, 'smart-host');
  return mxRoute(request);
}

type Rules = Pick<NextHop, 'tlsRule' | 'nexthopDomain' | 'furtherRules'>;

/**
 * Never weaker than the partner's rule (design, rule 5), nor than the route's: a route relaxes a
 * mandatory level only where it is named as trusted.
 */
function rulesOnRoute(request: RouteRequest, row: RouteRow, host: string): Rules {
  const { partnerRule, furtherRule, domain: nexthopDomain } = request;
  const ofRoute = { tlsRule: row.tlsRule, nexthopDomain: host, from: 'the route' };
  if (partnerRule === null || row.trustedHop) return withoutSource(ofRoute, []);
  const further = furtherRule === undefined ? [] : [{ ...furtherRule, nexthopDomain }];
  const ofPartner = [{ tlsRule: partnerRule, nexthopDomain, from: 'the partner' }, ...further];
  const [first = ofRoute, ...others] = ofPartner.filter(({ tlsRule }) => isMandatory(tlsRule));
  return withoutSource(first, first === ofRoute ? [] : [...others, ofRoute]);
}

function withoutSource({ tlsRule, nexthopDomain }: FurtherRule, further: FurtherRule[]): Rules {
  return { tlsRule, nexthopDomain, ...(further.length === 0 ? {} : { furtherRules: further }) };
}

async function tableRoute(
  request: RouteRequest,
  row: RouteRow,
  via: 'route' | 'smart-host',
): Promise<Route> {
  const hops: NextHop[] = [];
  let failure: Route | null = null;
  for (const { host, port } of row.nextHops) {
    const found = await addressesOf(host, request);
    if (found.kind !== 'addresses') {
      const why = found.kind === 'failure' ? found.reason : 'no address';
      failure ??= { kind: 'fault', fault: 'dns-failure', reason: `next hop ${host}: ${why}` };
      continue;
    }
    const rules = rulesOnRoute(request, row, host);
    for (const address of found.addresses)
      hops.push({ host, port, address, ...rules, hostSource: 'configured' });
  }
  return ordered(hops, via) ?? failure ?? noHop(request.domain);
}

async function addressesOf(host: string, request: RouteRequest): Promise<HostAddresses> {
  if (isIP(host) !== 0) return { kind: 'addresses', addresses: [host] };
  return request.addressLookup(host);
}

async function mxRoute(request: RouteRequest): Promise<Route> {
  const { domain } = request;
  const answer = await request.mxLookup(domain);
  switch (answer.kind) {
    case 'failure':
      return { kind: 'fault', fault: 'dns-failure', reason: answer.reason };
    case 'domain-unknown':
      return { kind: 'fault', fault: 'domain-unknown', reason: answer.reason };
    case 'null-mx':
      // RFC 7505 section 3: no attempt is made, and the implicit MX is not used
      return { kind: 'fault', fault: 'null-mx', reason: `${domain} has a null MX` };
    case 'mx': {
      const { partnerRule, furtherRule } = request;
      const tlsRule = partnerRule ?? { level: 'may' };
      const further = furtherRule === undefined ? [] : [{ ...furtherRule, nexthopDomain: domain }];
      const asks = [tlsRule, ...further.map((one) => one.tlsRule)].some(asksMtaSts);
      const hostSource: HostSource = answer.secure ? 'secure-mx' : 'insecure-mx';
      const found = asks ? { mtaSts: await request.mtaStsLookup(domain) } : {};
      const hops = answer.hosts.flatMap((host) =>
        host.addresses.map(({ address }) => ({
          host: host.name,
          port: request.mxPort,
          address,
          tlsRule,
          nexthopDomain: domain,
          hostSource,
          ...(further.length === 0 ? {} : { furtherRules: further }),
          ...found,
        })),
      );
      return ordered(hops, answer.implicit ? 'implicit-mx' : 'mx') ?? noHop(domain);
    }
  }
}

function ordered(
  hops: readonly NextHop[],
  via: 'route' | 'smart-host' | 'mx' | 'implicit-mx',
): Route | null {
  const [first, ...others] = hops.slice(0, MAX_HOPS);
  return first === undefined ? null : { kind: 'hops', hops: [first, ...others], via };
}

function noHop(domain: Domain): Route {
  return { kind: 'fault', fault: 'dns-failure', reason: `no next hop of ${domain} has an address` };
}
