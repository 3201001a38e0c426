import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { FaultId } from '@sallyport/faults';
import { systemClock } from '@sallyport/mail';
import { checkTlsSession, type IdentityFinding } from '../tls-check.ts';
import { decideTogether } from '../tls-demand-join.ts';
import type { TlsDecision, TlsDemand } from '../tls-demand-types.ts';
import { formatReply, type SmtpReply } from './reply.ts';
import {
  parseExtensions,
  type SessionFault,
  type SessionOpening,
  type SessionTls,
  type SmtpClientSettings,
  type SmtpTarget,
} from './session.ts';
import { resultsOf } from './session-results.ts';
import { SmtpWire } from './wire.ts';

/** Servers show two or three certificates. */
const MAX_CHAIN = 16;

type Extensions = ReadonlyMap<string, readonly string[]>;
type Greeted = { readonly kind: 'greeted'; readonly extensions: Extensions };
/** A fault before it is known what it means for reports. */
type Trouble = Omit<SessionFault, 'tlsResults'> & {
  readonly findings?: readonly IdentityFinding[];
};
type Connect = Extract<TlsDecision, { kind: 'connect' }>;

/** One try: where to, how, and what the session must fulfil. */
interface Opening {
  readonly target: SmtpTarget;
  readonly settings: SmtpClientSettings;
  readonly decision: Connect;
}

interface Opened {
  readonly kind: 'opened';
  readonly extensions: Extensions;
  readonly tls: SessionTls | null;
  readonly peerChain?: readonly Buffer[];
  readonly sentence: string;
  readonly findings: readonly IdentityFinding[];
}

/** The decision over the way to a host, by its rule and what was found out about it. */
export function decisionFor(target: SmtpTarget): TlsDecision {
  const { host, nexthopDomain, hostSource = 'configured', tlsa = null, mtaSts = null } = target;
  const facts = { host, nexthopDomain, hostSource, tlsa, mtaSts };
  return decideTogether(target.tlsRule, target.furtherRules ?? [], facts);
}

/**
 * Connects, greets, starts TLS as the rule says and checks it. Under a mandatory rule nothing but
 * EHLO, STARTTLS and QUIT is ever sent in clear.
 *
 * @returns a fault for every way in which that fails; the host is then to be left for the next one.
 */
export async function openSession(
  target: SmtpTarget,
  settings: SmtpClientSettings,
): Promise<SessionOpening> {
  const decision = decisionFor(target);
  if (decision.kind === 'refuse') {
    const { fault: id, sentence, policies } = decision;
    const end = { kind: 'fault', fault: id, sentence, findings: [] } as const;
    const tlsResults = resultsOf(policies, target, end);
    return { kind: 'fault', fault: id, sentence, reply: null, tlsResults };
  }
  const opening = { target, settings, decision };
  const wire = await dial(target, settings);
  if ('kind' in wire) return ended(wire, opening);
  const opened = await startSession(wire, opening);
  if (opened.kind === 'opened') return asSession(opened, wire, opening);
  await wire.quit(settings.timeouts.quitMs);
  const failed = ended(opened, opening);
  if (decision.demand.isMandatory || opened.fault !== 'tls-handshake-failed') return failed;
  return openInClear(opening, failed);
}

function ended(
  { findings = [], ...trouble }: Trouble,
  { target, decision }: Opening,
): SessionFault {
  const { fault: id, sentence } = trouble;
  const end = { kind: 'fault', fault: id, sentence, findings } as const;
  const policies = decision.demand.usesTls ? decision.policies : [];
  return { ...trouble, tlsResults: resultsOf(policies, target, end) };
}

function asSession(opened: Opened, wire: SmtpWire, opening: Opening): SessionOpening {
  const { extensions, tls, peerChain = [], sentence, findings } = opened;
  const { target, decision } = opening;
  const notes = decision.notes.map((note) => `; ${note}`).join('');
  const tlsResults =
    tls === null
      ? ended(fault('tls-not-offered', sentence), opening).tlsResults
      : resultsOf(decision.policies, target, { kind: 'tls', findings });
  const tlsSentence = `${sentence}${notes}`;
  return {
    kind: 'open',
    session: { target, wire, extensions, tls, peerChain, tlsSentence, tlsResults },
  };
}

/** RFC 7435 section 3: where TLS is only an opportunity, its failure does not stop the mail. */
async function openInClear(opening: Opening, because: SessionFault): Promise<SessionOpening> {
  const { target, settings } = opening;
  const wire = await dial(target, settings);
  if ('kind' in wire) return ended(wire, opening);
  const greeted = await greet(wire, opening);
  if (greeted.kind === 'fault') {
    await wire.quit(settings.timeouts.quitMs);
    return ended(greeted, opening);
  }
  return {
    kind: 'open',
    session: {
      target,
      wire,
      extensions: greeted.extensions,
      tls: null,
      tlsSentence: `in clear, as the rule "${target.tlsRule.level}" allows: ${because.sentence}`,
      tlsResults: because.tlsResults,
    },
  };
}

async function dial(target: SmtpTarget, settings: SmtpClientSettings): Promise<SmtpWire | Trouble> {
  const wire = await SmtpWire.connect({
    address: target.address,
    port: target.port,
    localAddress: settings.localAddress,
    timeoutMs: settings.timeouts.connectMs,
  });
  if (typeof wire !== 'string') return wire;
  return fault('next-hop-unreachable', `${nameOf(target)} does not answer: ${wire}`);
}

async function startSession(wire: SmtpWire, opening: Opening): Promise<Opened | Trouble> {
  const greeted = await greet(wire, opening);
  if (greeted.kind === 'fault') return greeted;
  const { usesTls, isMandatory } = opening.decision.demand;
  if (!usesTls || !greeted.extensions.has('STARTTLS')) {
    if (isMandatory) {
      return fault('tls-not-offered', `${nameOf(opening.target)} does not offer STARTTLS`);
    }
    const why = usesTls ? 'STARTTLS is not offered' : 'the rule asks for none';
    const { extensions } = greeted;
    return { kind: 'opened', extensions, tls: null, sentence: `in clear: ${why}`, findings: [] };
  }
  const started = await startTls(wire, opening);
  if (started.kind === 'fault') return started;
  // RFC 3207 section 4.2: what was said before TLS is forgotten
  const again = await ehlo(wire, opening);
  return again.kind === 'fault' ? again : { ...started, extensions: again.extensions };
}

async function greet(wire: SmtpWire, opening: Opening): Promise<Greeted | Trouble> {
  const { target, settings } = opening;
  const greeting = await wire.answer(settings.timeouts.greetingMs);
  if (greeting.kind === 'lost') {
    return fault('next-hop-unreachable', `${nameOf(target)} gives no greeting: ${greeting.reason}`);
  }
  // RFC 7504 section 4: 521 and 554 mean that this host takes no mail; another MX may.
  if (greeting.reply.code !== 220) return refused(greeting.reply, target, 'the connection');
  if (!wire.isQuiet) return fault('next-hop-lost', `${nameOf(target)} speaks out of turn`);
  return ehlo(wire, opening);
}

async function ehlo(
  wire: SmtpWire,
  { target, settings, decision }: Opening,
): Promise<Greeted | Trouble> {
  const { commandMs } = settings.timeouts;
  await wire.send(`EHLO ${settings.ehloName}\r\n`, commandMs);
  const answer = await wire.answer(commandMs);
  if (answer.kind === 'lost') {
    return fault('next-hop-lost', `${nameOf(target)} left after EHLO: ${answer.reason}`);
  }
  if (answer.reply.code === 250) {
    return { kind: 'greeted', extensions: parseExtensions(answer.reply) };
  }
  const permanent = answer.reply.code >= 500;
  if (!permanent) return refused(answer.reply, target, 'EHLO');
  if (decision.demand.isMandatory) {
    return fault('tls-not-offered', `${nameOf(target)} does not know EHLO`, answer.reply);
  }
  // RFC 5321 section 3.2: a server that knows no EHLO is asked with HELO
  await wire.send(`HELO ${settings.ehloName}\r\n`, commandMs);
  const old = await wire.answer(commandMs);
  if (old.kind === 'lost') {
    return fault('next-hop-lost', `${nameOf(target)} left after HELO: ${old.reason}`);
  }
  if (old.reply.code !== 250) return refused(old.reply, target, 'HELO');
  return { kind: 'greeted', extensions: new Map() };
}

async function startTls(
  wire: SmtpWire,
  { target, settings, decision }: Opening,
): Promise<Opened | Trouble> {
  const { commandMs, tlsMs } = settings.timeouts;
  const { demand } = decision;
  await wire.send('STARTTLS\r\n', commandMs);
  const answer = await wire.answer(commandMs);
  if (answer.kind === 'lost') {
    return fault('tls-handshake-failed', `${nameOf(target)} left at STARTTLS: ${answer.reason}`);
  }
  if (answer.reply.code !== 220) {
    const said = formatReply(answer.reply);
    return fault(
      'tls-handshake-failed',
      `${nameOf(target)} offers STARTTLS and refuses it: ${said}`,
    );
  }
  const upgrade = await wire.upgrade({
    secureContext: settings.contexts.contextFor(demand),
    servername: isIP(demand.serverName) === 0 ? demand.serverName : null,
    timeoutMs: tlsMs,
  });
  if (upgrade.kind === 'failed') {
    return fault('tls-handshake-failed', `TLS with ${nameOf(target)} failed: ${upgrade.reason}`);
  }
  return judge(upgrade.socket, demand, { target, now: (settings.clock ?? systemClock).now() });
}

/** The check between STARTTLS and MAIL FROM. */
function judge(
  socket: TLSSocket,
  demand: TlsDemand,
  { target, now }: { readonly target: SmtpTarget; readonly now: Date },
): Opened | Trouble {
  const error: unknown = socket.authorizationError;
  const chain = chainOf(socket);
  const [leaf] = chain;
  const protocol = socket.getProtocol();
  const cipher = socket.getCipher().name;
  const check = checkTlsSession(demand, {
    protocol,
    cipher,
    chain,
    authorized: socket.authorized,
    authorizationError: error === undefined || error === null ? null : String(error),
    mx: nameOf(target),
    now,
  });
  const { findings } = check;
  if (check.kind === 'refuse') return { ...fault(check.fault, check.sentence), findings };
  const tls = {
    version: protocol ?? 'unknown',
    cipher,
    peerFingerprint: leaf === undefined ? null : createHash('sha256').update(leaf).digest('hex'),
    identity: identityOf(demand),
  };
  const { sentence } = check;
  return { kind: 'opened', extensions: new Map(), tls, peerChain: chain, sentence, findings };
}

function identityOf({ checks }: TlsDemand): string {
  const words = checks.map((check) =>
    check.kind === 'names' && check.policy === 'sts' ? 'mta-sts' : check.kind,
  );
  return [...new Set(words)].join('+') || 'none';
}

/**
 * What the server showed, DER, its own certificate first. It is read once: Node takes the chain
 * apart when it is asked for as X509Certificate, and says less the second time.
 */
function chainOf(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(next.raw);
    // A root names itself as its issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

function refused(reply: SmtpReply, target: SmtpTarget, what: string): Trouble {
  const id = reply.code === 421 || reply.code < 500 ? 'next-hop-deferred' : 'next-hop-refused';
  return fault(id, `${nameOf(target)} refused ${what}: ${formatReply(reply)}`, reply);
}

function nameOf(target: SmtpTarget): string {
  return target.host === target.address
    ? `${target.host}:${target.port}`
    : `${target.host}[${target.address}]:${target.port}`;
}

function fault(id: FaultId, sentence: string, reply: SmtpReply | null = null): Trouble {
  return { kind: 'fault', fault: id, sentence, reply };
}
