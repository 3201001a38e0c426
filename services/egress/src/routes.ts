import { isDeepStrictEqual } from 'node:util';
import { locateMx, type MailRoute, type Resolver, systemRandom } from '@sallyport/lookup';
import type { Domain } from '@sallyport/mail';
import { type TlsPolicy, tlsPolicyFor } from '@sallyport/policy';
import type { ActivePolicy } from '@sallyport/policy-store/read';
import {
  asksTlsa,
  type HostAddresses,
  locateTlsa,
  type MtaStsLocator,
  type RouteRow,
  resolveRoute,
  type TlsRule,
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
      const { decided, today } = await rulesFor(domain, version, options.policy);
      const isOwn = own.has(domain);
      const partnerRule = isOwn ? null : tlsRuleOf(decided.tls);
      const further = isOwn ? null : ruleOfToday(decided.tls, today.tls);
      const from = `version ${today.version}, in force now,`;
      const route = await resolveRoute({
        domain,
        routes: options.rows,
        partnerRule,
        ...(further === null ? {} : { furtherRule: { tlsRule: further, from } }),
        mxPort: options.mxPort,
        mxLookup,
        addressLookup: (host) => addressesOf(host, options.resolver),
        mtaStsLookup: (next) => options.mtaSts.locate(next),
      });
      const used = route.kind === 'hops' ? route.hops[0].tlsRule : partnerRule;
      const names = new Map([
        [partnerRule, decided.rule],
        [further, today.rule],
      ]);
      return {
        route,
        tlsRule: used ?? { level: 'none' },
        rule: used === null ? decided.rule : (names.get(used) ?? `route:${domain}`),
        policyVersion: decided.version,
        ...pastMark(further),
        requireTls: {
          isDemanded: !isOwn && (decided.tls.requireTls || today.tls.requireTls),
          honoursNo: [decided, today].every(({ tls }) => tls.tlsRequiredNo === 'honour'),
        },
      };
    },
    withTlsa: async (hop) =>
      [hop, ...(hop.furtherRules ?? [])].some(({ tlsRule }) => asksTlsa(tlsRule))
        ? { ...hop, tlsa: await locateTlsa(hop, options.resolver) }
        : hop,
  };
}

/**
 * What the version demands that a message was decided by, and what is demanded today: what either of
 * them left to the other must not be lost between them.
 */
async function rulesFor(
  domain: Domain,
  decidedBy: number | undefined,
  policy: RouteOptions['policy'],
) {
  const today = await policy();
  const isToday = decidedBy === undefined || decidedBy === today.version;
  const decided = isToday ? today : await policy(decidedBy);
  const of = (active: ActivePolicy) => ({
    ...tlsPolicyFor(active.policy, domain),
    version: active.version,
  });
  return { decided: of(decided), today: of(today) };
}

function pastMark(further: TlsRule | null): Pick<LocatedRoute, 'isOfPast'> {
  return further === null ? {} : { isOfPast: true };
}

/** Null where it is the same. */
function ruleOfToday(then: TlsPolicy, now: TlsPolicy): TlsRule | null {
  return isDeepStrictEqual(tlsRuleOf(then), tlsRuleOf(now)) ? null : tlsRuleOf(now);
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
