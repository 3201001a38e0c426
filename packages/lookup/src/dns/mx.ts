import type { Domain } from '@sallyport/mail';
import { type Random, shuffled } from '../random.ts';
import type { DnsFailureReason, MxRecord, NonEmpty, Resolver } from './records.ts';

/** More hosts than these are never tried (RFC 5321 section 5.1 lets a client set a limit). */
export const MAX_MX_HOSTS = 16;
const MAX_ADDRESSES_PER_HOST = 8;

export interface MailHost {
  /** The MX name, lower case, no trailing dot. */
  readonly name: string;
  readonly preference: number;
  readonly addresses: readonly { readonly address: string; readonly family: 4 | 6 }[];
  /** True if every address answer was DNSSEC-proven (RFC 7672 section 2.2.2). */
  readonly secure: boolean;
  /** Set when the addresses could not be learnt now; `addresses` is then empty. */
  readonly failure: DnsFailureReason | null;
}

export type MailRoute =
  | {
      readonly kind: 'mx';
      /** In the order to try; at least one has an address. */
      readonly hosts: NonEmpty<MailHost>;
      /** True if the MX answer, or its proven absence, was DNSSEC-proven. */
      readonly secure: boolean;
      /** RFC 5321 section 5.1: no MX, so the domain itself is the host. */
      readonly implicit: boolean;
    }
  /** RFC 7505: the domain says that it takes no mail. */
  | { readonly kind: 'null-mx' }
  /** No such domain, or neither MX nor address. */
  | { readonly kind: 'domain-unknown'; readonly reason: string }
  | { readonly kind: 'failure'; readonly fault: 'dns-failure'; readonly reason: string };

interface MxPorts {
  readonly resolver: Resolver;
  readonly random: Random;
}

/** The hosts that take mail for a domain, in the order to try (RFC 5321 section 5.1). */
export async function locateMx(domain: Domain, ports: MxPorts): Promise<MailRoute> {
  const answer = await ports.resolver.query(domain, 'MX');
  switch (answer.kind) {
    case 'failure':
      return { kind: 'failure', fault: 'dns-failure', reason: `MX ${domain}: ${answer.reason}` };
    case 'none':
      if (answer.reason === 'nxdomain') {
        return { kind: 'domain-unknown', reason: `${domain} does not exist` };
      }
      return implicitRoute(domain, ports, answer.secure);
    case 'answer':
      return explicitRoute(domain, answer.records, { ports, secure: answer.secure });
  }
}

async function implicitRoute(domain: Domain, ports: MxPorts, secure: boolean): Promise<MailRoute> {
  const host = await withAddresses({ preference: 0, exchange: domain }, ports.resolver);
  if (host.addresses.length > 0) return { kind: 'mx', hosts: [host], secure, implicit: true };
  if (host.failure !== null) {
    return { kind: 'failure', fault: 'dns-failure', reason: `A/AAAA ${domain}: ${host.failure}` };
  }
  return { kind: 'domain-unknown', reason: `${domain} has neither MX nor address` };
}

async function explicitRoute(
  domain: Domain,
  records: NonEmpty<MxRecord>,
  { ports, secure }: { readonly ports: MxPorts; readonly secure: boolean },
): Promise<MailRoute> {
  const named = records.filter((record) => record.exchange !== '');
  // RFC 7505 section 3: "." may only stand alone; beside other hosts it is a fault and left out
  if (named.length === 0) return { kind: 'null-mx' };
  const ordered = orderMx(named, ports.random).slice(0, MAX_MX_HOSTS);
  const resolved = await Promise.all(
    ordered.map((record) => withAddresses(record, ports.resolver)),
  );
  const [first, ...others] = resolved.filter(
    (host) => host.addresses.length > 0 || host.failure !== null,
  );
  // RFC 5321 section 5.1: MX records of which none is usable are an error, never the implicit MX
  if (first === undefined) {
    const reason = `no MX of ${domain} has an address`;
    return { kind: 'failure', fault: 'dns-failure', reason };
  }
  if ([first, ...others].every((host) => host.addresses.length === 0)) {
    const reason = `addresses of the MX of ${domain}: ${first.failure}`;
    return { kind: 'failure', fault: 'dns-failure', reason };
  }
  return { kind: 'mx', hosts: [first, ...others], secure, implicit: false };
}

/** RFC 5321 section 5.1: lowest preference first; equal ones in random order. */
function orderMx(records: readonly MxRecord[], random: Random): MxRecord[] {
  return shuffled(records, random).sort((a, b) => a.preference - b.preference);
}

async function withAddresses(record: MxRecord, resolver: Resolver): Promise<MailHost> {
  const [v6, v4] = await Promise.all([
    resolver.query(record.exchange, 'AAAA'),
    resolver.query(record.exchange, 'A'),
  ]);
  const addresses = [
    ...(v6.kind === 'answer' ? v6.records.map((address) => ({ address, family: 6 as const })) : []),
    ...(v4.kind === 'answer' ? v4.records.map((address) => ({ address, family: 4 as const })) : []),
  ].slice(0, MAX_ADDRESSES_PER_HOST);
  const failure = v4.kind === 'failure' ? v4.reason : v6.kind === 'failure' ? v6.reason : null;
  return {
    name: record.exchange,
    preference: record.preference,
    addresses,
    secure: v4.kind !== 'failure' && v4.secure && v6.kind !== 'failure' && v6.secure,
    failure: addresses.length === 0 ? failure : null,
  };
}
