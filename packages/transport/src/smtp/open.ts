import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { FaultId } from '@sallyport/faults';
import { checkTlsSession, type TlsSessionFacts } from '../tls-check.ts';
import { isMandatory } from '../tls-rule.ts';
import { formatReply, type SmtpReply } from './reply.ts';
import {
  parseExtensions,
  type SessionFault,
  type SessionOpening,
  type SessionTls,
  type SmtpClientSettings,
  type SmtpTarget,
} from './session.ts';
import { SmtpWire } from './wire.ts';

type Extensions = ReadonlyMap<string, readonly string[]>;
type Greeted = { readonly kind: 'greeted'; readonly extensions: Extensions };

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
  const wire = await dial(target, settings);
  if ('kind' in wire) return wire;
  const opening = await startSession(wire, target, settings);
  if (opening.kind === 'open') return opening;
  await wire.quit(settings.timeouts.quitMs);
  if (target.tlsRule.level !== 'may' || !isTlsFault(opening.fault)) return opening;
  return openInClear({ target, settings, because: opening.sentence });
}

function isTlsFault(fault: FaultId): boolean {
  return fault === 'tls-handshake-failed';
}

/** RFC 7435 section 3: where TLS is only an opportunity, its failure does not stop the mail. */
async function openInClear(request: {
  readonly target: SmtpTarget;
  readonly settings: SmtpClientSettings;
  readonly because: string;
}): Promise<SessionOpening> {
  const { target, settings, because } = request;
  const wire = await dial(target, settings);
  if ('kind' in wire) return wire;
  const greeted = await greet(wire, target, settings);
  if (greeted.kind === 'fault') {
    await wire.quit(settings.timeouts.quitMs);
    return greeted;
  }
  return {
    kind: 'open',
    session: {
      target,
      wire,
      extensions: greeted.extensions,
      tls: null,
      tlsSentence: `in clear, as the rule "may" allows: ${because}`,
    },
  };
}

async function dial(
  target: SmtpTarget,
  settings: SmtpClientSettings,
): Promise<SmtpWire | SessionFault> {
  const wire = await SmtpWire.connect({
    address: target.address,
    port: target.port,
    localAddress: settings.localAddress,
    timeoutMs: settings.timeouts.connectMs,
  });
  if (typeof wire !== 'string') return wire;
  return fault('next-hop-unreachable', `${nameOf(target)} does not answer: ${wire}`);
}

async function startSession(
  wire: SmtpWire,
  target: SmtpTarget,
  settings: SmtpClientSettings,
): Promise<SessionOpening> {
  const greeted = await greet(wire, target, settings);
  if (greeted.kind === 'fault') return greeted;
  const rule = target.tlsRule;
  if (rule.level === 'none' || !greeted.extensions.has('STARTTLS')) {
    if (isMandatory(rule)) {
      return fault('tls-not-offered', `${nameOf(target)} does not offer STARTTLS`);
    }
    const why = rule.level === 'none' ? 'the rule asks for none' : 'STARTTLS is not offered';
    const tlsSentence = `in clear: ${why}`;
    const { extensions } = greeted;
    return { kind: 'open', session: { target, wire, extensions, tls: null, tlsSentence } };
  }
  const started = await startTls(wire, target, settings);
  if (started.kind === 'fault') return started;
  // RFC 3207 section 4.2: what was said before TLS is forgotten
  const again = await ehlo(wire, target, settings);
  if (again.kind === 'fault') return again;
  const { tls, sentence } = started;
  const { extensions } = again;
  return { kind: 'open', session: { target, wire, extensions, tls, tlsSentence: sentence } };
}

async function greet(
  wire: SmtpWire,
  target: SmtpTarget,
  settings: SmtpClientSettings,
): Promise<Greeted | SessionFault> {
  const greeting = await wire.answer(settings.timeouts.greetingMs);
  if (greeting.kind === 'lost') {
    return fault('next-hop-unreachable', `${nameOf(target)} gives no greeting: ${greeting.reason}`);
  }
  // RFC 7504 section 4: 521 and 554 mean that this host takes no mail; another MX may.
  if (greeting.reply.code !== 220) return refused(greeting.reply, target, 'the connection');
  if (!wire.isQuiet) return fault('next-hop-lost', `${nameOf(target)} speaks out of turn`);
  return ehlo(wire, target, settings);
}

async function ehlo(
  wire: SmtpWire,
  target: SmtpTarget,
  settings: SmtpClientSettings,
): Promise<Greeted | SessionFault> {
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
  if (isMandatory(target.tlsRule)) {
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
  target: SmtpTarget,
  settings: SmtpClientSettings,
): Promise<
  { readonly kind: 'tls'; readonly tls: SessionTls; readonly sentence: string } | SessionFault
> {
  const { commandMs, tlsMs } = settings.timeouts;
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
    secureContext: settings.contexts.contextFor(target.tlsRule),
    servername: isIP(target.host) === 0 ? target.host : null,
    timeoutMs: tlsMs,
  });
  if (upgrade.kind === 'failed') {
    return fault('tls-handshake-failed', `TLS with ${nameOf(target)} failed: ${upgrade.reason}`);
  }
  const facts = factsOf(upgrade.socket, target);
  const check = checkTlsSession(target.tlsRule, facts);
  if (check.kind === 'refuse') return fault(check.fault, check.sentence);
  const der = facts.peerCertificateDer;
  const tls = {
    version: facts.protocol ?? 'unknown',
    cipher: facts.cipher,
    peerFingerprint: der === null ? null : createHash('sha256').update(der).digest('hex'),
  };
  return { kind: 'tls', tls, sentence: check.sentence };
}

function factsOf(socket: TLSSocket, target: SmtpTarget): TlsSessionFacts {
  const error: unknown = socket.authorizationError;
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    peerCertificateDer: socket.getPeerX509Certificate()?.raw ?? null,
    authorized: socket.authorized,
    authorizationError: error === undefined || error === null ? null : String(error),
    nexthopDomain: target.nexthopDomain,
    mx: target.host,
  };
}

function refused(reply: SmtpReply, target: SmtpTarget, what: string): SessionFault {
  const id = reply.code === 421 || reply.code < 500 ? 'next-hop-deferred' : 'next-hop-refused';
  return fault(id, `${nameOf(target)} refused ${what}: ${formatReply(reply)}`, reply);
}

function nameOf(target: SmtpTarget): string {
  return target.host === target.address
    ? `${target.host}:${target.port}`
    : `${target.host}[${target.address}]:${target.port}`;
}

function fault(id: FaultId, sentence: string, reply: SmtpReply | null = null): SessionFault {
  return { kind: 'fault', fault: id, sentence, reply };
}
