import type { QueueFileHeader } from '@sallyport/spool';
import {
  allowsMx,
  authenticates,
  type NextHop,
  type SmtpTarget,
  type TlsRule,
  withoutDiscovery,
} from '@sallyport/transport';
import type { LocatedRoute, RouteLocator } from './ports.ts';

/**
 * What a message wants of TLS on its way (RFC 8689): `demanded` goes with REQUIRETLS or not at
 * all; `asked` goes with it where it is offered; `optional` goes without what a domain publishes.
 */
export type TlsWish = 'demanded' | 'asked' | 'optional' | 'none';

/** Read from the envelope, the author's header field, and the policy. */
export function tlsWishOf(
  header: Pick<QueueFileHeader, 'requireTls' | 'reversePath' | 'extra'>,
  { requireTls }: Pick<LocatedRoute, 'requireTls'>,
): TlsWish {
  if (header.requireTls || requireTls?.isDemanded === true) {
    // RFC 8689 section 5: a report is not to be lost for want of it
    return header.reversePath === '' ? 'asked' : 'demanded';
  }
  const isOptional = header.extra['tlsRequired'] === 'no' && requireTls?.honoursNo === true;
  return isOptional ? 'optional' : 'none';
}

/** The host with the rule that the wish asks for; never weaker than the partner's own level. */
export async function targetFor(
  hop: NextHop,
  wish: TlsWish,
  routes: Pick<RouteLocator, 'withTlsa'>,
): Promise<SmtpTarget> {
  const further = hop.furtherRules ?? [];
  if (wish === 'optional') {
    const furtherRules = further.map((one) => ({
      ...one,
      tlsRule: withoutDiscovery(one.tlsRule),
    }));
    return await routes.withTlsa({
      ...hop,
      tlsRule: withoutDiscovery(hop.tlsRule),
      furtherRules,
    });
  }
  const isProven = [hop.tlsRule, ...further.map(({ tlsRule }) => tlsRule)].some(authenticates);
  if (wish !== 'demanded' || isProven) return await routes.withTlsa(hop);
  return await provenTarget(hop, routes);
}

/** RFC 8689 section 4.2.1: a proven name, and a certificate for it by DANE or by a path. */
async function provenTarget(
  hop: NextHop,
  routes: Pick<RouteLocator, 'withTlsa'>,
): Promise<SmtpTarget> {
  const { host, hostSource, mtaSts, tlsRule } = hop;
  const minVersion = ('minVersion' in tlsRule ? tlsRule.minVersion : undefined) ?? 'TLSv1.2';
  const path = { minVersion, anchors: 'system' } as const;
  if (hostSource === 'insecure-mx') {
    const isAllowed = mtaSts?.kind === 'policy' && allowsMx(mtaSts.policy, host);
    // Level verify refuses a name that nothing proves, and says so.
    const level = isAllowed ? 'secure' : 'verify';
    return { ...hop, tlsRule: { level, match: isAllowed ? [host] : [], ...path } };
  }
  const byDane: TlsRule = { level: 'dane-only', minVersion };
  const target = await routes.withTlsa({ ...hop, tlsRule: byDane });
  if (target.tlsa?.kind !== 'none') return target;
  return { ...hop, tlsRule: { level: 'verify', match: [], ...path } };
}
