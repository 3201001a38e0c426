import { isPublicAddress } from '../address.ts';
import type { DnsFailureReason, SrvRecord } from '../dns/records.ts';
import { orderSrv } from '../dns/srv.ts';
import { isCarriableName } from '../dns/wire.ts';
import type { DoorName, LocatePorts, TraceStep } from '../locate-types.ts';
import { DNS_ABSENCES, DNS_FAILURES } from './teller.ts';

const MAX_ADDRESSES = 4;

/** The SRV names of LDAP directories: RFC 4386 section 2, then deployed practice (RFC 2782). */
export const LDAP_SERVICES = [
  { prefix: '_PKIXREP._LDAP', tls: 'offered' },
  { prefix: '_ldap._tcp', tls: 'offered' },
  { prefix: '_ldaps._tcp', tls: 'ldaps' },
] as const;

const LDAPS_PORT = 636;

export interface LdapServer {
  readonly name: string;
  readonly port: number;
  readonly tls: 'offered' | 'ldaps';
}

export interface SrvFinding {
  readonly servers: readonly LdapServer[];
  readonly failure: DnsFailureReason | null;
  readonly step: TraceStep;
}

/** Asks for one SRV name of a directory; the servers come in the order to try (CD-1). */
export async function findServers(
  service: (typeof LDAP_SERVICES)[number],
  domain: string,
  ports: LocatePorts,
): Promise<SrvFinding> {
  const found = await findSrv({ door: 'ldap-srv', name: `${service.prefix}.${domain}` }, ports);
  return { ...found, servers: found.records.map(toServer(service.tls)) };
}

/** What one SRV name says; no records and no failure is knowledge that there is no server. */
export interface SrvAnswer {
  readonly records: readonly SrvRecord[];
  readonly failure: DnsFailureReason | null;
  /** The name has SRV records, be they a "." that offers nothing (RFC 2782). */
  readonly exists: boolean;
  readonly step: TraceStep;
}

/** Asks for one SRV name; the records come in the order to try (CD-1). */
export async function findSrv(
  asked: { readonly door: DoorName; readonly name: string },
  ports: Pick<LocatePorts, 'resolver' | 'random'>,
): Promise<SrvAnswer> {
  const started = performance.now();
  const answer = await ports.resolver.query(asked.name, 'SRV');
  const base = {
    door: asked.door,
    query: `SRV ${asked.name}`,
    tookMs: Math.round(performance.now() - started),
  };
  const silent = { records: [], failure: null, exists: false };
  switch (answer.kind) {
    case 'failure': {
      const step: TraceStep = { ...base, outcome: 'failed', reason: DNS_FAILURES[answer.reason] };
      return { ...silent, failure: answer.reason, step };
    }
    case 'none': {
      const step: TraceStep = { ...base, outcome: 'nothing', reason: DNS_ABSENCES[answer.reason] };
      return { ...silent, step };
    }
    case 'answer': {
      // A stranger's bytes: what is no name goes neither into the trace nor to the DNS.
      const named = answer.records.filter(({ target }) => target === '' || isCarriableName(target));
      const records = orderSrv(named, ports.random);
      const list = records.map(({ target, port }) => `${target}:${port}`).join(', ');
      const step: TraceStep =
        records.length > 0
          ? { ...base, outcome: 'found', reason: `servers in order: ${list}` }
          : { ...base, outcome: 'nothing', reason: 'the domain says that it offers none' };
      return { records, failure: null, exists: true, step };
    }
  }
}

function toServer(tls: 'offered' | 'ldaps'): (record: SrvRecord) => LdapServer {
  return ({ target, port }) => ({
    name: target,
    port,
    tls: port === LDAPS_PORT ? 'ldaps' : tls,
  });
}

export type AddressFinding =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string }
  /** `isAbsent`: the DNS knows that there is no address, as opposed to not knowing. */
  | { readonly kind: 'failure'; readonly reason: string; readonly isAbsent: boolean };

/**
 * The addresses of a directory. What is not public is refused here, and the caller connects to
 * the address that was checked, so a second DNS answer cannot lead it elsewhere (SSRF).
 */
export async function findAddresses(
  name: string,
  ports: Pick<LocatePorts, 'resolver' | 'allowPrivateAddresses'>,
): Promise<AddressFinding> {
  const [v4, v6] = await Promise.all([
    ports.resolver.query(name, 'A'),
    ports.resolver.query(name, 'AAAA'),
  ]);
  const all = [
    ...(v4.kind === 'answer' ? v4.records : []),
    ...(v6.kind === 'answer' ? v6.records : []),
  ];
  if (all.length === 0) {
    const isAbsent = v4.kind === 'none' && v6.kind === 'none';
    const reason = isAbsent ? 'has no address' : 'DNS failed for its address';
    return { kind: 'failure', reason, isAbsent };
  }
  const allowed = all.filter((address) => ports.allowPrivateAddresses || isPublicAddress(address));
  if (allowed.length === 0) return { kind: 'refused', reason: 'its address is not public' };
  return { kind: 'addresses', addresses: allowed.slice(0, MAX_ADDRESSES) };
}
