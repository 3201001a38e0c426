import { isPublicAddress } from '../address.ts';
import type { DnsFailureReason, SrvRecord } from '../dns/records.ts';
import { orderSrv } from '../dns/srv.ts';
import type { LocatePorts, TraceStep } from '../locate-types.ts';

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

/** Asks for one SRV name; the servers come in the order to try (CD-1). */
export async function findServers(
  service: (typeof LDAP_SERVICES)[number],
  domain: string,
  ports: LocatePorts,
): Promise<SrvFinding> {
  const started = performance.now();
  const name = `${service.prefix}.${domain}`;
  const answer = await ports.resolver.query(name, 'SRV');
  const base = {
    door: 'ldap-srv' as const,
    query: `SRV ${name}`,
    tookMs: Math.round(performance.now() - started),
  };
  switch (answer.kind) {
    case 'failure':
      return {
        servers: [],
        failure: answer.reason,
        step: { ...base, outcome: 'failed', reason: `DNS: ${answer.reason}` },
      };
    case 'none':
      return {
        servers: [],
        failure: null,
        step: { ...base, outcome: 'nothing', reason: answer.reason },
      };
    case 'answer': {
      const servers = orderSrv(answer.records, ports.random).map(toServer(service.tls));
      const list = servers.map((server) => `${server.name}:${server.port}`).join(', ');
      const step: TraceStep =
        servers.length > 0
          ? { ...base, outcome: 'found', reason: `servers in order: ${list}` }
          : { ...base, outcome: 'nothing', reason: 'the domain says that it offers none' };
      return { servers, failure: null, step };
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
  | { readonly kind: 'failure'; readonly reason: string };

/**
 * The addresses of a directory. What is not public is refused here, and the caller connects to
 * the address that was checked, so a second DNS answer cannot lead it elsewhere (SSRF).
 */
export async function findAddresses(name: string, ports: LocatePorts): Promise<AddressFinding> {
  const [v4, v6] = await Promise.all([
    ports.resolver.query(name, 'A'),
    ports.resolver.query(name, 'AAAA'),
  ]);
  const all = [
    ...(v4.kind === 'answer' ? v4.records : []),
    ...(v6.kind === 'answer' ? v6.records : []),
  ];
  if (all.length === 0) {
    const isKnown = v4.kind === 'none' && v6.kind === 'none';
    return { kind: 'failure', reason: isKnown ? 'has no address' : 'DNS failed for its address' };
  }
  const allowed = all.filter((address) => ports.allowPrivateAddresses || isPublicAddress(address));
  if (allowed.length === 0) return { kind: 'refused', reason: 'its address is not public' };
  return { kind: 'addresses', addresses: allowed.slice(0, MAX_ADDRESSES) };
}
