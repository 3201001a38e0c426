import { isIP } from 'node:net';
import type { AssociationRecord, DnsAnswer, NonEmpty, Resolver } from '@sallyport/lookup';

/** How the name of a host is known: an admin wrote it down, or an MX answer said so. */
export type HostSource = 'configured' | 'secure-mx' | 'insecure-mx';

export interface TlsaRequest {
  readonly host: string;
  readonly port: number;
  readonly hostSource: HostSource;
  readonly nexthopDomain: string;
}

/** What DNSSEC says about the keys of a host. Only what is proven counts (RFC 7672 section 2.2). */
export type TlsaFinding =
  | {
      readonly kind: 'records';
      readonly records: NonEmpty<AssociationRecord>;
      /** RFC 7672 section 2.2.3: where the records stand, without port and protocol. */
      readonly baseDomain: string;
      /** RFC 7672 section 3.2.2: the names that a certificate of usage 2 may be for. */
      readonly names: readonly string[];
    }
  /** Proven that there is none, or nothing about it is proven: DANE does not apply. */
  | { readonly kind: 'none'; readonly reason: string }
  /** Bogus or not to be learnt now: the host is treated as unreachable (section 2.1.2). */
  | { readonly kind: 'failure'; readonly reason: string };

/**
 * Finds the TLSA records of a host by the rules of RFC 7672 section 2.2.2 and 2.2.3: addresses first,
 * then the end of an alias chain that is proven, then the name itself.
 */
export async function locateTlsa(request: TlsaRequest, resolver: Resolver): Promise<TlsaFinding> {
  const { host, port } = request;
  if (isIP(host) !== 0) return none('an address has no TLSA records');
  const bases = await baseDomains(host, resolver);
  if (bases.kind === 'failure') return bases;
  for (const baseDomain of bases.names) {
    const answer = await resolver.query(`_${port}._tcp.${baseDomain}`, 'TLSA');
    if (answer.kind === 'failure') return failure(`TLSA of ${baseDomain}: ${answer.reason}`);
    if (answer.kind === 'none' || !answer.secure) continue;
    const names = await referenceNames(baseDomain, request, resolver);
    if (typeof names === 'string') return failure(names);
    return { kind: 'records', records: answer.records, baseDomain, names };
  }
  return none(bases.names.length === 0 ? bases.reason : 'there are no TLSA records under DNSSEC');
}

type BaseDomains =
  | { readonly kind: 'names'; readonly names: readonly string[]; readonly reason: string }
  | Extract<TlsaFinding, { kind: 'failure' }>;

async function baseDomains(host: string, resolver: Resolver): Promise<BaseDomains> {
  const both = await Promise.all([resolver.query(host, 'A'), resolver.query(host, 'AAAA')]);
  // One answer that is not proven says that the zone is not: the other's failure changes nothing.
  const isUnsigned = both.some((one) => one.kind !== 'failure' && !one.secure);
  const failed = both.find(({ kind }) => kind === 'failure');
  if (failed?.kind === 'failure' && !isUnsigned) {
    return failure(`address of ${host}: ${failed.reason}`);
  }
  const ends = new Set(both.flatMap((one) => (one.kind === 'answer' ? one.canonicalName : [])));
  const isSecure = both.every(isProven);
  const isAlias = ends.size > 0 && !ends.has(host);
  if (isSecure) {
    // Expanded first, then as asked for; names in between never count.
    return { kind: 'names', names: [...new Set([...ends, host])], reason: '' };
  }
  const reason = `the addresses of ${host} are not proven by DNSSEC`;
  if (!isAlias) return { kind: 'names', names: [], reason };
  // RFC 7672 section 2.1.3: the alias itself may be proven, though what it leads to is not
  const alias = await resolver.query(host, 'CNAME');
  if (alias.kind === 'failure') return failure(`alias ${host}: ${alias.reason}`);
  return { kind: 'names', names: isProven(alias) ? [host] : [], reason };
}

function isProven(answer: DnsAnswer<unknown>): boolean {
  return answer.kind !== 'failure' && answer.secure;
}

/** @returns a sentence if a name could not be learnt. */
async function referenceNames(
  baseDomain: string,
  { host, hostSource, nexthopDomain }: TlsaRequest,
  resolver: Resolver,
): Promise<readonly string[] | string> {
  switch (hostSource) {
    case 'insecure-mx':
      // Whoever forged the MX chose the host: the next-hop domain proves nothing there.
      return [baseDomain];
    case 'configured':
      return [...new Set([baseDomain, host])];
    case 'secure-mx': {
      const mx = await resolver.query(nexthopDomain, 'MX');
      if (mx.kind === 'failure') return `MX of ${nexthopDomain}: ${mx.reason}`;
      const expanded = mx.kind === 'answer' && mx.secure ? [mx.canonicalName] : [];
      return [...new Set([baseDomain, nexthopDomain, ...expanded])];
    }
  }
}

function none(reason: string): TlsaFinding {
  return { kind: 'none', reason };
}

function failure(reason: string): Extract<TlsaFinding, { kind: 'failure' }> {
  return { kind: 'failure', reason };
}
