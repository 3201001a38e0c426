import { isIP } from 'node:net';
import { PresenceFilter } from 'ldapts';
import { isPublicAddress } from '../address.ts';
import { type AddressFinding, findAddresses } from '../doors/servers.ts';
import { LdapSession } from '../ldap/session.ts';
import type { ProofPorts } from './proof-ports.ts';

const CONNECT_MS = 3_000;
const WHOLE_MS = 10_000;
const MAX_URL_CHARACTERS = 2_048;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
const FIRST_REGISTERED_PORT = 1_024;
/** RFC 4523 sections 2.5 to 2.7. */
const LIST_ATTRIBUTE = /^(?:certificate|authority|delta)RevocationList(?:;binary)?$/i;

/** A list in a directory, as RFC 5280 section 4.2.1.13 lets a distribution point name it. */
interface LdapPlace {
  readonly name: string;
  readonly port: number;
  readonly tls: 'ldaps' | 'never';
  readonly dn: string;
  /** Without `;binary`. */
  readonly attribute: string;
}

export type LdapList =
  | { readonly kind: 'list'; readonly der: Buffer; readonly server: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly server?: string };

/** RFC 4516 section 2; a string is why it is not asked. */
function parsePlace(text: string): LdapPlace | string {
  const isPlain = text.length <= MAX_URL_CHARACTERS && VISIBLE_ASCII.test(text);
  const url = isPlain ? URL.parse(text) : null;
  if (url === null) return 'it is no URL, or too long a one';
  const tls = url.protocol === 'ldaps:' ? 'ldaps' : 'never';
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const standard = tls === 'ldaps' ? 636 : 389;
  const port = url.port === '' ? standard : Number(url.port);
  if (name === '') return 'it names no server';
  if (url.username !== '' || url.password !== '') return 'the URL has a user part';
  if (port !== 389 && port !== 636 && port < FIRST_REGISTERED_PORT) {
    return `port ${port} is not one for LDAP`;
  }
  const [attribute = ''] = url.search.slice(1).split('?');
  const wanted = attribute === '' ? 'certificateRevocationList' : attribute;
  if (!LIST_ATTRIBUTE.test(wanted)) return 'it does not ask for a revocation list';
  const dn = decoded(url.pathname.slice(1));
  if (dn === null || dn === '') return 'it names no entry';
  return { name, port, tls, dn, attribute: wanted.replace(/;binary$/i, '') };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Reads the entry that the URL names, and nothing below it; referrals are not followed. */
export async function fetchLdapList(url: string, ports: ProofPorts): Promise<LdapList> {
  const place = parsePlace(url);
  if (typeof place === 'string') return { kind: 'failed', reason: place };
  const server = `${place.name}:${place.port}`;
  const label = `list ${place.tls} ${server}`;
  const dead = ports.memory.whyDead(label);
  if (dead !== null) return { kind: 'failed', reason: `was not reachable a moment ago: ${dead}` };
  const found = await addressesOf(place.name, ports);
  if (found.kind !== 'addresses') return { kind: 'failed', reason: found.reason };
  const signal = AbortSignal.timeout(WHOLE_MS);
  let reason = '';
  for (const address of found.addresses) {
    try {
      const list = await read(place, { address, signal, ports });
      if (list === null) return { kind: 'failed', reason: 'no list in that entry', server };
      return { kind: 'list', der: list, server };
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  ports.memory.markDead(label, reason);
  return { kind: 'failed', reason, server };
}

async function addressesOf(name: string, ports: ProofPorts): Promise<AddressFinding> {
  if (isIP(name) === 0) return await findAddresses(name, ports);
  const isAllowed = ports.allowPrivateAddresses || isPublicAddress(name);
  return isAllowed
    ? { kind: 'addresses', addresses: [name] }
    : { kind: 'refused', reason: 'its address is not public' };
}

interface Way {
  readonly address: string;
  readonly signal: AbortSignal;
  readonly ports: ProofPorts;
}

/** Null if the entry is not there or holds no list. Rejects when the directory cannot be talked to. */
async function read(place: LdapPlace, { address, signal, ports }: Way): Promise<Buffer | null> {
  const { tlsAnchors } = ports;
  const target = {
    address,
    port: place.port,
    serverName: place.name,
    tls: place.tls,
    connectTimeoutMs: CONNECT_MS,
    ...(tlsAnchors === undefined ? {} : { anchors: tlsAnchors }),
  };
  await using session = await LdapSession.open(target, signal);
  const attributes = [`${place.attribute};binary`, place.attribute];
  const found = await session.search({
    baseDn: place.dn,
    scope: 'base',
    filter: new PresenceFilter({ attribute: 'objectClass' }),
    attributes,
    explicitBufferAttributes: attributes,
  });
  if (found.kind === 'refused') return null;
  const values = found.entries.flatMap(({ attributes: held }) =>
    attributes.flatMap((attribute) => held.get(attribute.toLowerCase()) ?? []),
  );
  return values[0] ?? null;
}
