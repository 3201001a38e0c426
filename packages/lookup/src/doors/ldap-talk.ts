import { formatMailbox } from '@sallyport/mail';
import { searchCertificates } from '../ldap/certificates.ts';
import { LdapSession, type LdapTarget } from '../ldap/session.ts';
import type { Binding, DoorEvent, DoorName, DoorQuery, LocatePorts } from '../locate-types.ts';
import { wantedNames } from '../names.ts';
import { type AddressFinding, findAddresses } from './servers.ts';
import { startTelling, type Teller } from './teller.ts';

const CONNECT_MS = 3_000;
const WHOLE_MS = 8_000;

/** One directory to ask, and what is known of it before. */
export interface Directory {
  readonly door: DoorName;
  readonly name: string;
  readonly port: number;
  /** `start-tls` and `ldaps` say nothing before TLS stands; `offered` takes TLS where it is there. */
  readonly tls: 'offered' | 'start-tls' | 'ldaps';
  /** Set if the name needs no DNS or may lead to a private address. */
  readonly found?: AddressFinding;
  readonly allowPrivateAddress?: boolean;
  /** The server's naming contexts when absent. */
  readonly baseDn?: string;
  readonly bind?: { readonly dn: string; readonly password: Uint8Array };
  readonly anchors?: readonly string[];
}

/** Whether a directory said what it has. */
export type Answered = 'answered' | 'outage';

/** `name:port`, for the trace. */
export function labelOf({ name, port }: Pick<Directory, 'name' | 'port'>): string {
  return `${name}:${port}`;
}

/**
 * Asks one directory for all names that are wanted, over the first of its addresses that answers.
 * A directory that was down is left alone for a while.
 */
export async function* askDirectory(
  directory: Directory,
  query: DoorQuery,
  ports: LocatePorts,
): AsyncGenerator<DoorEvent, Answered> {
  const server = labelOf(directory);
  const tell = startTelling({ door: directory.door, query: 'connect', server });
  // How it is spoken to is part of the key: a stranger's record that names a good server with the
  // wrong port or TLS must not make it dead for others.
  const key = `${directory.door} ${directory.tls} ${server}`;
  const dead = ports.memory.whyDead(key);
  if (dead !== null) {
    yield tell('skipped', `was not reachable a moment ago: ${dead}`);
    return 'outage';
  }
  const { resolver, allowPrivateAddresses } = ports;
  const found =
    directory.found ??
    (await findAddresses(directory.name, {
      resolver,
      allowPrivateAddresses: allowPrivateAddresses || directory.allowPrivateAddress === true,
    }));
  if (found.kind !== 'addresses') {
    yield tell(found.kind === 'refused' ? 'skipped' : 'failed', found.reason);
    return 'outage';
  }
  let reason = '';
  for (const address of found.addresses) {
    if (query.signal.aborted) return 'outage';
    try {
      yield* askAddress({ directory, address, query, ports }, tell);
      return 'answered';
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
      yield tell('failed', reason, `connect ${address}`);
    }
  }
  // A search that ran out of time says nothing about the server.
  if (!query.signal.aborted) ports.memory.markDead(key, reason);
  return 'outage';
}

interface Talk {
  readonly directory: Directory;
  readonly address: string;
  readonly query: DoorQuery;
  readonly ports: LocatePorts;
}

async function* askAddress(talk: Talk, tell: Teller): AsyncGenerator<DoorEvent> {
  const { directory, query } = talk;
  const signal = AbortSignal.any([query.signal, AbortSignal.timeout(WHOLE_MS)]);
  for await (const { name, binding, certificates, note } of converse(talk, signal)) {
    const what = `mail=${name}${note}`;
    if (certificates.length === 0) yield tell('nothing', 'no certificate there', what);
    else yield tell('found', `${certificates.length} certificate(s)`, what);
    for (const der of certificates) {
      const { door } = directory;
      yield { kind: 'candidate', candidate: { der, door, binding, source: labelOf(directory) } };
    }
  }
}

/**
 * RFC 4511 section 4.1.9: timeLimitExceeded, adminLimitExceeded, busy, unavailable, other. They say
 * nothing about the certificate, so they are an outage and never `none`.
 */
const NO_ANSWER: ReadonlySet<number> = new Set([3, 11, 51, 52, 80]);
/** Those that say that the entry is not there, or elsewhere: referrals are never followed. */
const ABSENT: Readonly<Record<number, string>> = {
  10: 'it refers to another directory, which is not followed',
  16: 'no such attribute',
  17: 'no such attribute',
  32: 'no such entry',
};

interface Finding {
  readonly name: string;
  readonly binding: Binding;
  readonly certificates: readonly Buffer[];
  readonly note: string;
}

/** One session with one server: each name in each naming context. Throws when it cannot be held. */
async function* converse(talk: Talk, signal: AbortSignal): AsyncGenerator<Finding> {
  const { directory, query } = talk;
  const opened = await openSession(targetOf(talk), signal);
  await using session = opened.session;
  if (directory.bind !== undefined) await bindTo(session, directory.bind);
  const bases = directory.baseDn === undefined ? await namingContexts(session) : [directory.baseDn];
  for (const { binding, mailbox } of wantedNames(query)) {
    // CD-2: the entry of the domain has the bare domain for its `mail`.
    const name = mailbox === null ? query.mailbox.domain : formatMailbox(mailbox);
    const certificates: Buffer[] = [];
    let note = opened.note;
    for (const baseDn of bases) {
      const found = await searchCertificates(session, { baseDn, name });
      if (found.kind === 'certificates') certificates.push(...found.certificates);
      else note += ` (below "${baseDn}": ${absenceOf(found.code, directory)})`;
    }
    yield { name, binding, certificates, note };
  }
}

/**
 * Why a directory yields nothing.
 *
 * @throws Error if that is no knowledge. A configured directory that refuses the search is wrongly
 *   configured; a stranger's that does so has told us what it gives.
 */
function absenceOf(code: number, { door }: Directory): string {
  const reason = ABSENT[code];
  if (NO_ANSWER.has(code) || (door === 'ldap' && reason === undefined)) {
    throw new Error(`directory answered with result code ${code}`);
  }
  return reason ?? `result code ${code}`;
}

function targetOf({ directory, address, ports }: Talk): LdapTarget {
  const anchors = directory.anchors ?? ports.tlsAnchors;
  return {
    address,
    port: directory.port,
    serverName: directory.name,
    tls: directory.tls,
    connectTimeoutMs: CONNECT_MS,
    ...(anchors === undefined ? {} : { anchors }),
  };
}

async function namingContexts(session: LdapSession): Promise<readonly string[]> {
  const contexts = (await session.rootDse()).namingContexts;
  return contexts.length > 0 ? contexts : [''];
}

async function bindTo(
  session: LdapSession,
  { dn, password }: NonNullable<Directory['bind']>,
): Promise<void> {
  // RFC 4513 section 5.1.2: with an empty password the server would take us for anonymous.
  if (password.length === 0) throw new Error('the configured password is empty');
  await session.bind(dn, Buffer.from(password).toString('utf8'));
}

/**
 * The session with as much TLS as the target wants. Only under `offered`, a directory whose StartTLS
 * does not succeed is asked again in clear: SRV without DNSSEC proves no name (CD-5), no rule
 * demands TLS there, and the find is judged by its own path.
 */
async function openSession(
  target: LdapTarget,
  signal: AbortSignal,
): Promise<{ readonly session: LdapSession; readonly note: string }> {
  const session = await LdapSession.open(target, signal);
  if (target.tls === 'ldaps') return { session, note: ' over TLS' };
  try {
    if (target.tls === 'offered' && !(await session.rootDse()).offersStartTls) {
      return { session, note: '' };
    }
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
  try {
    await session.startTls(target);
    return { session, note: ' over TLS' };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    if (target.tls !== 'offered') throw error;
    const plain = await LdapSession.open({ ...target, tls: 'never' }, signal);
    return { session: plain, note: ' in clear, its StartTLS failed' };
  }
}
