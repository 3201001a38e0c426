import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import {
  formatReply,
  openSession,
  type SmtpReply,
  type SmtpSession,
  type SmtpTimeouts,
  TlsContexts,
} from '@sallyport/transport';
import { type AlertChannel, type AlertMessage, formatText } from './message.ts';
import type { AlertOptions } from './options.ts';

const STEP_MS = 20_000;
const TIMEOUTS: SmtpTimeouts = {
  connectMs: STEP_MS,
  tlsMs: STEP_MS,
  greetingMs: STEP_MS,
  commandMs: STEP_MS,
  dataMs: STEP_MS,
  blockMs: STEP_MS,
  finalMs: 60_000,
  quitMs: 2_000,
};
const BASE64_COLUMNS = 76; // RFC 2045 section 6.8

type MailOptions = NonNullable<AlertOptions['mail']>;

/** Sends alerts by mail, through the inner MTA or the gateway's own relay port. */
export function alertMail(
  options: MailOptions,
  of: { readonly gatewayName: string; readonly clock: Clock; readonly logger: Logger },
): AlertChannel {
  const { gatewayName, clock, logger } = of;
  return {
    name: 'mail',
    send: async (message) => {
      const { host, port } = options.via;
      const { address } = await lookup(host);
      const opening = await openSession(
        {
          host,
          address,
          port,
          nexthopDomain: host,
          tlsRule: { level: 'may', minVersion: 'TLSv1.2', ciphers: 'floor' },
        },
        { ehloName: gatewayName, timeouts: TIMEOUTS, contexts: new TlsContexts(null), clock },
      );
      if (opening.kind === 'fault') throw new Error(opening.sentence);
      try {
        const mail = formatMail(message, options, clock.now());
        const refused = await transmit(opening.session, options, mail);
        for (const reply of refused) logger.warn('alerts.recipient-refused', { reply });
      } finally {
        await opening.session.wire.quit(TIMEOUTS.quitMs);
      }
    },
  };
}

/**
 * RFC 5321 section 3.3, without pipelining: a few commands a day. One recipient that is not taken
 * keeps no other from being told.
 *
 * @returns the replies to recipients that were refused.
 */
async function transmit(
  { wire }: SmtpSession,
  options: MailOptions,
  mail: string,
): Promise<readonly string[]> {
  const ask = async (line: string, timeoutMs = STEP_MS): Promise<SmtpReply> => {
    await wire.send(line, timeoutMs);
    const answer = await wire.answer(timeoutMs);
    if (answer.kind === 'lost') throw new Error(answer.reason);
    return answer.reply;
  };
  const demand = (reply: SmtpReply, isTaken: (code: number) => boolean): void => {
    if (!isTaken(reply.code)) throw new Error(shown(reply));
  };
  demand(await ask(`MAIL FROM:<${options.from}>\r\n`), isPositive);
  const refused: SmtpReply[] = [];
  for (const to of options.to) {
    const reply = await ask(`RCPT TO:<${to}>\r\n`);
    if (!isPositive(reply.code)) refused.push(reply);
  }
  const [first] = refused;
  if (first !== undefined && refused.length === options.to.length) throw new Error(shown(first));
  demand(await ask('DATA\r\n'), (code) => code === 354);
  demand(await ask(`${mail}.\r\n`, TIMEOUTS.finalMs), isPositive);
  return refused.map(shown);
}

// RFC 5321 section 4.2.1: the first digit says it; 251 and 252 take a recipient as well.
function isPositive(code: number): boolean {
  return code >= 200 && code < 300;
}

function shown(reply: SmtpReply): string {
  return formatReply(reply).slice(0, 500);
}

/** The message. Its text is base64, so no line of it can begin with a dot or be too long. */
export function formatMail(message: AlertMessage, { from, to }: MailOptions, now: Date): string {
  const { gateway, alerts } = message;
  const news = alerts.filter(({ status }) => status !== 'resolved').length;
  const subject = news > 0 ? `${news} alert(s) of ${gateway}` : `alerts of ${gateway} are resolved`;
  const body = Buffer.from(formatText(message)).toString('base64');
  const lines = body.match(new RegExp(`.{1,${BASE64_COLUMNS}}`, 'g')) ?? [];
  return [
    `Date: ${now.toUTCString().replace('GMT', '+0000')}`,
    `From: Sallyport <${from}>`,
    `To: ${to.join(',\r\n ')}`,
    `Message-ID: <${randomUUID()}@${gateway}>`,
    `Subject: [sallyport] ${subject}`,
    'Auto-Submitted: auto-generated', // RFC 3834 section 5
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    ...lines,
    '',
  ].join('\r\n');
}
