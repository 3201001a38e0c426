import { formatMailbox } from '@sallyport/mail';
import { searchCertificates } from '../ldap/certificates.ts';
import { LdapSession, type LdapTarget } from '../ldap/session.ts';
import type {
  Candidate,
  Door,
  DoorEvent,
  DoorQuery,
  LocatePorts,
  TraceStep,
} from '../locate-types.ts';
import { findAddresses, findServers, LDAP_SERVICES, type LdapServer } from './servers.ts';

const MAX_SERVERS = 8;
const CONNECT_MS = 3_000;
const WHOLE_MS = 8_000;
/** RFC 3183 section 4.1: the name under which a domain's encryption certificate stands. */
const AUTHORITY = 'domain-confidentiality-authority';

interface Name {
  readonly name: string;
  readonly binding: 'address' | 'domain' | 'authority';
}

/**
 * Certificates from the partner's LDAP directory, found by SRV (CD-1, CD-2): every server that is
 * offered, in order, until a certificate is usable; a server that is down, or whose certificates
 * are not usable, is followed by the next.
 */
export const ldapSrvDoor: Door = { name: 'ldap-srv', cached: true, search };

type Answered = 'answered' | 'outage';

async function* search(query: DoorQuery, ports: LocatePorts): AsyncGenerator<DoorEvent> {
  const asked = new Set<string>();
  const outcomes = new Set<Answered>();
  let dnsFailed = false;
  for (const service of LDAP_SERVICES) {
    const found = await findServers(service, query.mailbox.domain, ports);
    yield { kind: 'step', step: found.step };
    dnsFailed ||= found.failure !== null;
    for (const server of found.servers) {
      const label = labelOf(server);
      if (asked.has(label) || asked.size >= MAX_SERVERS) continue;
      asked.add(label);
      outcomes.add(query.signal.aborted ? 'outage' : yield* askServer(server, query, ports));
    }
  }
  if (outcomes.has('answered')) return;
  if (outcomes.has('outage')) yield { kind: 'unavailable', fault: 'directory-unreachable' };
  else if (dnsFailed) yield { kind: 'unavailable', fault: 'dns-failure' };
}

function labelOf(server: LdapServer): string {
  return `${server.name}:${server.port}`;
}

type Teller = (outcome: TraceStep['outcome'], reason: string, what?: string) => DoorEvent;

function tellerOf(server: LdapServer): Teller {
  const started = performance.now();
  return (outcome, reason, what = 'connect') => ({
    kind: 'step',
    step: {
      door: 'ldap-srv',
      query: what,
      server: labelOf(server),
      outcome,
      reason,
      tookMs: Math.round(performance.now() - started),
    },
  });
}

/** @returns whether the server said what it has. */
async function* askServer(
  server: LdapServer,
  query: DoorQuery,
  ports: LocatePorts,
): AsyncGenerator<DoorEvent, Answered> {
  const tell = tellerOf(server);
  const dead = ports.memory.whyDead(labelOf(server));
  if (dead !== null) {
    yield tell('skipped', `was not reachable a moment ago: ${dead}`);
    return 'outage';
  }
  const found = await findAddresses(server.name, ports);
  if (found.kind !== 'addresses') {
    yield tell(found.kind === 'refused' ? 'skipped' : 'failed', found.reason);
    return 'outage';
  }
  let reason = '';
  for (const address of found.addresses) {
    if (query.signal.aborted) return 'outage';
    try {
      yield* askAddress(server, tell, {
        address,
        names: namesOf(query),
        signal: AbortSignal.any([query.signal, AbortSignal.timeout(WHOLE_MS)]),
        ports,
      });
      return 'answered';
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
      yield tell('failed', reason, `connect ${address}`);
    }
  }
  // A search that ran out of time says nothing about the server.
  if (!query.signal.aborted) ports.memory.markDead(labelOf(server), reason);
  return 'outage';
}

async function* askAddress(
  server: LdapServer,
  tell: Teller,
  talk: Conversation,
): AsyncGenerator<DoorEvent> {
  for await (const { name, certificates, note } of converse(server, talk)) {
    const what = `mail=${name.name}${note}`;
    if (certificates.length === 0) yield tell('nothing', 'no certificate there', what);
    else yield tell('found', `${certificates.length} certificate(s)`, what);
    for (const der of certificates) {
      yield { kind: 'candidate', candidate: candidate(der, name, labelOf(server)) };
    }
  }
}

function candidate(der: Buffer, name: Name, source: string): Candidate {
  return { der, door: 'ldap-srv', binding: name.binding, source };
}

/** DS-E4: the recipient's own entry, the domain's, and the entry of the DCA. */
function namesOf(query: DoorQuery): Name[] {
  const { domain } = query.mailbox;
  const names: Name[] = [
    { name: formatMailbox(query.mailbox), binding: 'address' },
    { name: domain, binding: 'domain' },
    { name: `${AUTHORITY}@${domain}`, binding: 'authority' },
  ];
  return names.filter((item, at) => names.findIndex((other) => other.name === item.name) === at);
}

interface Conversation {
  readonly address: string;
  readonly names: readonly Name[];
  readonly signal: AbortSignal;
  readonly ports: LocatePorts;
}

/**
 * RFC 4511 section 4.1.9: timeLimitExceeded, adminLimitExceeded, busy, unavailable, other. They say
 * nothing about the certificate, so they are an outage and never `none`.
 */
const NO_ANSWER: ReadonlySet<number> = new Set([3, 11, 51, 52, 80]);

interface Finding {
  readonly name: Name;
  readonly certificates: readonly Buffer[];
  readonly note: string;
}

/** One session with one server: each name in each naming context. Throws when it cannot be held. */
async function* converse(server: LdapServer, talk: Conversation): AsyncGenerator<Finding> {
  const target: LdapTarget = {
    address: talk.address,
    port: server.port,
    serverName: server.name,
    tls: server.tls,
    connectTimeoutMs: CONNECT_MS,
    ...(talk.ports.tlsAnchors === undefined ? {} : { anchors: talk.ports.tlsAnchors }),
  };
  const opened = await openSession(target, talk.signal);
  await using session = opened.session;
  const { namingContexts } = await session.rootDse();
  const bases = namingContexts.length > 0 ? namingContexts : [''];
  for (const name of talk.names) {
    const certificates: Buffer[] = [];
    let note = opened.note;
    for (const baseDn of bases) {
      const found = await searchCertificates(session, { baseDn, name: name.name });
      if (found.kind === 'certificates') certificates.push(...found.certificates);
      else if (NO_ANSWER.has(found.code)) {
        throw new Error(`directory answered with result code ${found.code}`);
      } else note += ` (result code ${found.code} below "${baseDn}")`;
    }
    yield { name, certificates, note };
  }
}

/**
 * StartTLS where it is offered. A directory whose TLS certificate does not fit is asked again in
 * clear: SRV without DNSSEC proves no name (CD-5), no rule demands TLS here, and the find is judged
 * by its own path.
 */
async function openSession(
  target: LdapTarget,
  signal: AbortSignal,
): Promise<{ readonly session: LdapSession; readonly note: string }> {
  const session = await LdapSession.open(target, signal);
  if (target.tls === 'ldaps') return { session, note: ' over TLS' };
  try {
    const { offersStartTls } = await session.rootDse();
    if (!offersStartTls) return { session, note: '' };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
  try {
    await session.startTls(target);
    return { session, note: ' over TLS' };
  } catch {
    await session[Symbol.asyncDispose]();
    const plain = await LdapSession.open({ ...target, tls: 'never' }, signal);
    return { session: plain, note: ' in clear, its StartTLS failed' };
  }
}
