import { type Clock, type ForwardPath, formatMailbox, systemClock } from '@sallyport/mail';
import { TlsContexts } from './smtp/contexts.ts';
import { openSession } from './smtp/open.ts';
import type { SmtpClientSettings, SmtpTarget, SmtpTimeouts } from './smtp/session.ts';
import type { TlsRule } from './tls-rule.ts';

/** What the inner MTA says about a recipient. `unavailable`: not known now; the client gets 451. */
export type CallForward = 'known' | 'unknown' | 'unavailable';

/** Which hosts to ask, and under which rule. */
export interface CallForwardOptions {
  /** In the order to try. */
  readonly nextHops: readonly { readonly host: string; readonly port: number }[];
  readonly heloName: string;
  /** The rule of the route to them; `may` by default. */
  readonly tlsRule?: TlsRule;
  readonly clock?: Clock;
  readonly timeouts?: SmtpTimeouts;
}

const MAX_CACHED = 10_000;
const KEEP_KNOWN_MS = 60 * 60_000;
const KEEP_UNKNOWN_MS = 60_000;
const STEP_MS = 10_000;

/** A client waits for its RCPT meanwhile: shorter than RFC 5321 section 4.5.3.2 lets a relay wait. */
const CALL_FORWARD_TIMEOUTS: SmtpTimeouts = {
  connectMs: STEP_MS,
  tlsMs: STEP_MS,
  greetingMs: 2 * STEP_MS,
  commandMs: 2 * STEP_MS,
  dataMs: STEP_MS,
  blockMs: STEP_MS,
  finalMs: STEP_MS,
  quitMs: 1_000,
};

interface Known {
  readonly answer: CallForward;
  readonly until: number;
}

/**
 * Asks the inner MTA whether it would take a recipient (EHLO, MAIL FROM:<>, RCPT, QUIT), and
 * remembers the answer. A refusal by one hop is an answer; silence is not, and is not remembered.
 */
export function createCallForward(
  options: CallForwardOptions,
): (recipient: ForwardPath) => Promise<CallForward> {
  const settings: SmtpClientSettings = {
    ehloName: options.heloName,
    timeouts: options.timeouts ?? CALL_FORWARD_TIMEOUTS,
    contexts: new TlsContexts(null),
  };
  const clock = options.clock ?? systemClock;
  const cache = new Map<string, Known>();
  const pending = new Map<string, Promise<CallForward>>();
  const ask = async (path: string): Promise<CallForward> => {
    const answer = await firstAnswer(path, options, settings);
    cache.delete(path);
    if (answer === 'unavailable') return answer;
    const [oldest] = cache.keys();
    if (cache.size >= MAX_CACHED && oldest !== undefined) cache.delete(oldest);
    const keepMs = answer === 'known' ? KEEP_KNOWN_MS : KEEP_UNKNOWN_MS;
    cache.set(path, { answer, until: clock.now().getTime() + keepMs });
    return answer;
  };
  return async (recipient) => {
    const path = formatMailbox(recipient);
    const found = cache.get(path);
    if (found !== undefined && found.until > clock.now().getTime()) return found.answer;
    const running = pending.get(path) ?? ask(path).finally(() => pending.delete(path));
    pending.set(path, running);
    return await running;
  };
}

async function firstAnswer(
  path: string,
  options: CallForwardOptions,
  settings: SmtpClientSettings,
): Promise<CallForward> {
  for (const { host, port } of options.nextHops) {
    const answer = await callForward(
      path,
      {
        host,
        address: host,
        port,
        nexthopDomain: host,
        tlsRule: options.tlsRule ?? { level: 'may' },
      },
      settings,
    );
    if (answer !== 'unavailable') return answer;
  }
  return 'unavailable';
}

/**
 * One question to one host: EHLO, MAIL FROM:<>, RCPT, QUIT; under the TLS rule of the way to it.
 * Anything but a clear yes or a permanent no is `unavailable`.
 */
async function callForward(
  path: string,
  hop: SmtpTarget,
  settings: SmtpClientSettings,
): Promise<CallForward> {
  const opening = await openSession(hop, settings);
  if (opening.kind === 'fault') return 'unavailable';
  const { wire, extensions } = opening.session;
  const { commandMs, quitMs } = settings.timeouts;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range says "is plain ASCII"
  const isAscii = /^[\x00-\x7f]*$/.test(path);
  try {
    if (!isAscii && !extensions.has('SMTPUTF8')) return 'unknown';
    await wire.send(`MAIL FROM:<>${isAscii ? '' : ' SMTPUTF8'}\r\n`, commandMs);
    const mail = await wire.answer(commandMs);
    // A host that refuses the null reverse-path says nothing about the recipient.
    if (mail.kind === 'lost' || mail.reply.code !== 250) return 'unavailable';
    await wire.send(`RCPT TO:<${path}>\r\n`, commandMs);
    const rcpt = await wire.answer(commandMs);
    if (rcpt.kind === 'lost') return 'unavailable';
    const { code } = rcpt.reply;
    if (code === 250 || code === 251) return 'known';
    return code >= 500 ? 'unknown' : 'unavailable';
  } finally {
    await wire.quit(quitMs);
  }
}
