import { type SmtpSession, sizeLimit } from '@sallyport/transport';
import type { TransactionRecipient, TransactionRequest } from './transaction.ts';
import type { OutcomeFault } from './transaction-types.ts';

/** esmtp-value of RFC 5321 section 4.1.2: what is not one is left out, never sent. */
const PARAMETER_VALUE = /^[\x21-\x3c\x3e-\x7e]{1,500}$/;
const UTF8_PARAMETER_VALUE = /^[^\s=\p{Cc}]{1,500}$/u;

/** MAIL with the parameters that the server offers and the message needs. */
export function mailCommand(
  session: Pick<SmtpSession, 'extensions' | 'tls'>,
  request: TransactionRequest,
): string {
  const { extensions } = session;
  const { facts, dsn } = request;
  const parameters: string[] = [];
  if (extensions.has('SIZE')) parameters.push(`SIZE=${facts.sizeBytes}`); // RFC 1870 section 5
  if (facts.isEightBit && extensions.has('8BITMIME')) parameters.push('BODY=8BITMIME');
  if (usesUtf8(request) && extensions.has('SMTPUTF8')) parameters.push('SMTPUTF8');
  const wantsTls = request.tlsWish === 'demanded' || request.tlsWish === 'asked';
  if (wantsTls && isOfferedInTls(session)) parameters.push('REQUIRETLS');
  if (extensions.has('DSN')) {
    // RFC 3461 section 5.2.1: passed on as they came
    if (dsn.ret === 'FULL' || dsn.ret === 'HDRS') parameters.push(`RET=${dsn.ret}`);
    if (dsn.envid !== undefined && PARAMETER_VALUE.test(dsn.envid)) {
      parameters.push(`ENVID=${dsn.envid}`);
    }
  }
  return `${[`MAIL FROM:<${request.reversePath}>`, ...parameters].join(' ')}\r\n`;
}

/** RCPT with NOTIFY and ORCPT where DSN is offered (RFC 3461 section 4). */
export function rcptCommand(
  session: Pick<SmtpSession, 'extensions'>,
  recipient: TransactionRecipient,
): string {
  const parameters: string[] = [];
  if (session.extensions.has('DSN')) {
    if (recipient.notify !== undefined && recipient.notify.length > 0) {
      parameters.push(`NOTIFY=${recipient.notify.join(',')}`);
    }
    const { orcpt } = recipient;
    const value = session.extensions.has('SMTPUTF8') ? UTF8_PARAMETER_VALUE : PARAMETER_VALUE;
    if (orcpt !== undefined && value.test(orcpt)) parameters.push(`ORCPT=${orcpt}`);
  }
  return `${[`RCPT TO:<${recipient.path}>`, ...parameters].join(' ')}\r\n`;
}

/** RFC 8689 section 2: it counts only where it is offered inside TLS. */
function isOfferedInTls({ extensions, tls }: Pick<SmtpSession, 'extensions' | 'tls'>): boolean {
  return tls !== null && extensions.has('REQUIRETLS');
}

function usesUtf8(request: TransactionRequest): boolean {
  return request.usesSmtpUtf8 || needsUtf8(request);
}

function needsUtf8(request: TransactionRequest): boolean {
  const hasUtf8Header = request.usesSmtpUtf8 && request.facts.hasEightBitHeader;
  const paths = [request.reversePath, ...request.recipients.map(({ path }) => path)];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range says "is plain ASCII"
  return hasUtf8Header || paths.some((path) => !/^[\x00-\x7f]*$/.test(path));
}

/**
 * What the message needs and the next hop does not have. Signed bytes are never re-encoded, so
 * each of these is the end for its recipients.
 */
export function checkNeeds(
  session: Pick<SmtpSession, 'extensions' | 'target' | 'tls'>,
  request: TransactionRequest,
  message: { readonly isProtected: boolean; readonly maySendEightBit: boolean },
): OutcomeFault | null {
  const { extensions, target } = session;
  const fail = (fault: OutcomeFault['fault'], sentence: string): OutcomeFault => ({
    kind: 'failed',
    fault,
    sentence,
    reply: null,
  });
  const limit = sizeLimit(session);
  if (limit !== null && request.facts.sizeBytes > limit) {
    return fail(
      message.isProtected ? 'protected-too-big' : 'message-too-big',
      `${target.host} takes ${limit} bytes, the message has ${request.facts.sizeBytes}`,
    );
  }
  // RFC 6531 section 3.2: without SMTPUTF8 such an address must not be sent on
  if (needsUtf8(request) && !extensions.has('SMTPUTF8')) {
    return fail('smtputf8-not-offered', `${target.host} does not offer SMTPUTF8`);
  }
  // RFC 6152 section 3: without 8BITMIME only a 7-bit body may be sent
  if (request.facts.isEightBit && !extensions.has('8BITMIME') && !message.maySendEightBit) {
    return fail('eight-bit-not-offered', `${target.host} takes 7-bit mail only (no 8BITMIME)`);
  }
  // RFC 8689 section 4.2.1
  if (request.tlsWish === 'demanded' && !isOfferedInTls(session)) {
    return fail('requiretls-not-offered', `${target.host} does not offer REQUIRETLS`);
  }
  return null;
}
