import type { Door, DoorEvent, DoorQuery, LocatePorts } from '../locate-types.ts';
import { type Answered, askDirectory, labelOf } from './ldap-talk.ts';
import { findServers, LDAP_SERVICES, type LdapServer } from './servers.ts';

const MAX_SERVERS = 8;

/**
 * Certificates from the partner's LDAP directory, found by SRV (CD-1, CD-2): every server that is
 * offered, in order, until a certificate is usable; a server that is down, or whose certificates
 * are not usable, is followed by the next.
 */
export const ldapSrvDoor: Door = { name: 'ldap-srv', cached: true, search };

/** How each server that was asked in this search answered. */
type Asked = Map<string, Answered>;

async function* search(query: DoorQuery, ports: LocatePorts): AsyncGenerator<DoorEvent> {
  const asked: Asked = new Map();
  for (const service of LDAP_SERVICES) {
    const found = await findServers(service, query.mailbox.domain, ports);
    yield { kind: 'step', step: found.step };
    if (found.failure !== null) yield { kind: 'unavailable', fault: 'dns-failure' };
    const outcomes = yield* askServers(found.servers, { asked, query, ports });
    // Servers of one service may differ in what they hold (CD-1): only all of them together know
    // that there is nothing (CD-7).
    if (outcomes.has('outage')) {
      yield { kind: 'unavailable', fault: 'directory-unreachable' };
    }
  }
}

async function* askServers(
  servers: readonly LdapServer[],
  { asked, query, ports }: { asked: Asked; query: DoorQuery; ports: LocatePorts },
): AsyncGenerator<DoorEvent, ReadonlySet<Answered>> {
  const outcomes = new Set<Answered>();
  for (const server of servers) {
    const label = `${server.tls} ${labelOf(server)}`;
    const before = asked.get(label);
    if (before === undefined && asked.size >= MAX_SERVERS) continue;
    const outcome = before ?? (yield* askDirectory({ door: 'ldap-srv', ...server }, query, ports));
    asked.set(label, outcome);
    outcomes.add(outcome);
  }
  return outcomes;
}
