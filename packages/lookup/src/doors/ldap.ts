import { isIP } from 'node:net';
import type {
  Door,
  DoorEvent,
  DoorQuery,
  LdapServerSettings,
  LocatePorts,
} from '../locate-types.ts';
import { askDirectory, type Directory } from './ldap-talk.ts';
import { startTelling } from './teller.ts';

const MAX_SERVERS = 8;
const LDAP_PORT = 389;
const LDAPS_PORT = 636;

/**
 * Certificates from the directories that the operator configured, each asked over TLS that fits
 * its name (RFC 4513 section 3.1.3) or not at all. They hold different things, so the silence of one is
 * never "nothing there".
 */
export const ldapDoor: Door = { name: 'ldap', cached: true, search };

async function* search(query: DoorQuery, ports: LocatePorts): AsyncGenerator<DoorEvent> {
  const servers = (ports.ldapServers ?? []).slice(0, MAX_SERVERS);
  const tell = startTelling({ door: 'ldap', query: 'configured directories' });
  if (servers.length === 0) yield tell('nothing', 'none is configured');
  for (const settings of servers) {
    const directory = directoryOf(settings);
    if (directory === null)
      yield tell('skipped', 'its URL is no ldaps:// or ldap:// URL of a host');
    const outcome = directory === null ? 'outage' : yield* askDirectory(directory, query, ports);
    if (outcome === 'outage') yield { kind: 'unavailable', fault: 'directory-unreachable' };
  }
}

/** Null if the URL names no directory. */
function directoryOf(settings: LdapServerSettings): Directory | null {
  const url = URL.parse(settings.url);
  if (url === null || (url.protocol !== 'ldap:' && url.protocol !== 'ldaps:')) return null;
  const isLdaps = url.protocol === 'ldaps:';
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (name === '') return null;
  const { baseDn, bind, anchors, allowPrivateAddress = false } = settings;
  return {
    door: 'ldap',
    name,
    port: url.port === '' ? (isLdaps ? LDAPS_PORT : LDAP_PORT) : Number(url.port),
    tls: isLdaps ? 'ldaps' : 'start-tls',
    allowPrivateAddress,
    // An address that stands in the configuration is configured, be it private.
    ...(isIP(name) === 0 ? {} : { found: { kind: 'addresses', addresses: [name] } }),
    ...(baseDn === undefined ? {} : { baseDn }),
    ...(bind === undefined ? {} : { bind: { dn: bind.dn, password: bind.password.reveal() } }),
    ...(anchors === undefined ? {} : { anchors }),
  };
}
