import { randomBytes } from 'node:crypto';
import {
  bufferContent,
  type Content,
  concatContent,
  formatMailbox,
  type Mailbox,
} from '@sallyport/mail';
import { humanPart } from './human.ts';
import { asciiOnly, clean, field, formatDate } from './text.ts';
import { decodeOriginalRecipient, decodeXtext } from './xtext.ts';

/** What became of one recipient (RFC 3464 section 2.3). */
export interface DsnRecipient {
  readonly finalRecipient: Mailbox;
  /** ORCPT as the client gave it: type, and address in xtext (RFC 3461 section 4.2). */
  readonly originalRecipient?: string;
  readonly action: 'failed' | 'delayed' | 'relayed';
  /** For example `5.1.1` (RFC 3463). */
  readonly status: string;
  readonly diagnosticCode?: { readonly type: 'smtp'; readonly text: string };
  readonly remoteMta?: string;
  readonly lastAttempt?: Date;
  /** Only of delayed ones. */
  readonly willRetryUntil?: Date;
  /** Why, in plain words: the sentence of the fault. */
  readonly sentence: string;
  /** What to do about it, and who can. */
  readonly advice: string;
}

/** Everything that a report is made of; nothing is taken from elsewhere. */
export interface DsnFacts {
  /** Domain name of this gateway. */
  readonly reportingMta: string;
  readonly arrivalDate: Date;
  /** ENVID as the client gave it, in xtext (RFC 3461 section 4.4). */
  readonly envid?: string;
  readonly originalMessage: {
    /** The header section, as received. */
    readonly header: Buffer;
    /** The whole message; needed for `ret: 'full'`. */
    readonly content?: Content;
  };
  readonly ret: 'full' | 'hdrs';
  readonly recipients: readonly [DsnRecipient, ...DsnRecipient[]];
  readonly to: Mailbox;
  readonly from: { readonly display: string; readonly mailbox: Mailbox };
  /** With or without angle brackets. */
  readonly messageId: string;
  readonly date: Date;
  readonly queueId: string;
}

/**
 * A delivery status notification: multipart/report (RFC 6522) with a part in plain words, the
 * status fields (RFC 3464) and the message or its header section. With a non-ASCII address
 * anywhere, the forms of RFC 6533; the report then needs SMTPUTF8. To be sent from the null
 * reverse-path, and never in answer to one.
 *
 * Line ends and control characters in any fact become spaces: no fact makes a field of its own.
 */
export function formatDsn(facts: DsnFacts): Content {
  const boundary = `=_${randomBytes(16).toString('hex')}`;
  const status = statusFields(facts);
  const international = !asciiOnly(status) || !asciiOnly(formatMailbox(facts.to));
  const head =
    outerHeader(facts, boundary) +
    `--${boundary}\r\n${humanPart(facts)}\r\n` +
    `--${boundary}\r\n` +
    `Content-Type: message/${international ? 'global-' : ''}delivery-status\r\n` +
    (international ? 'Content-Transfer-Encoding: 8bit\r\n' : '') +
    `Content-Description: Delivery report\r\n\r\n${status}\r\n`;
  const returned = returnedPart(facts, international);
  return concatContent([
    bufferContent(Buffer.from(head, 'utf8')),
    bufferContent(Buffer.from(`--${boundary}\r\n${returned.header}\r\n`)),
    returned.body,
    bufferContent(Buffer.from(`\r\n--${boundary}--\r\n`)),
  ]);
}

function outerHeader(facts: DsnFacts, boundary: string): string {
  const { from, to } = facts;
  const display = `"${clean(from.display).replaceAll(/["\\]/g, '\\$&')}"`;
  return [
    field('From', `${display} <${formatMailbox(from.mailbox)}>`),
    field('To', `<${formatMailbox(to)}>`),
    field('Subject', subject(facts)),
    field('Date', formatDate(facts.date)),
    field('Message-ID', `<${clean(facts.messageId).replaceAll(/[<>\s]/g, '')}>`),
    field('Auto-Submitted', 'auto-replied'), // RFC 3834 section 5
    'MIME-Version: 1.0\r\n',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"\r\n\r\n`,
  ].join('');
}

function subject({ recipients }: DsnFacts): string {
  if (recipients.some(({ action }) => action === 'failed')) {
    return 'Your message could not be delivered';
  }
  return recipients.some(({ action }) => action === 'delayed')
    ? 'Your message is delayed'
    : 'Your message was passed on';
}

function statusFields(facts: DsnFacts): string {
  const message = [
    ...(facts.envid === undefined ? [] : [field('Original-Envelope-Id', decodeXtext(facts.envid))]),
    field('Reporting-MTA', `dns; ${facts.reportingMta}`),
    field('Arrival-Date', formatDate(facts.arrivalDate)),
    field('X-Sallyport-Queue-Id', facts.queueId),
  ];
  return [message, ...facts.recipients.map(recipientFields)]
    .map((group) => group.join(''))
    .join('\r\n');
}

function recipientFields(recipient: DsnRecipient): string[] {
  const address = formatMailbox(recipient.finalRecipient);
  const fields = [
    ...(recipient.originalRecipient === undefined
      ? []
      : [field('Original-Recipient', decodeOriginalRecipient(recipient.originalRecipient))]),
    // RFC 6533 section 3: the utf-8 address type for addresses that are not ASCII.
    field('Final-Recipient', `${asciiOnly(address) ? 'rfc822' : 'utf-8'}; ${address}`),
    field('Action', recipient.action),
    field('Status', recipient.status),
  ];
  const { remoteMta, diagnosticCode, lastAttempt, willRetryUntil } = recipient;
  if (remoteMta !== undefined) fields.push(field('Remote-MTA', `dns; ${remoteMta}`));
  if (diagnosticCode !== undefined) {
    fields.push(field('Diagnostic-Code', `${diagnosticCode.type}; ${diagnosticCode.text}`));
  }
  if (lastAttempt !== undefined) fields.push(field('Last-Attempt-Date', formatDate(lastAttempt)));
  if (willRetryUntil !== undefined && recipient.action === 'delayed') {
    fields.push(field('Will-Retry-Until', formatDate(willRetryUntil)));
  }
  return fields;
}

interface Returned {
  readonly header: string;
  readonly body: Content;
}

/**
 * RFC 3464 section 1.3 with RFC 6533 section 5. The bytes are the author's own and may hold
 * 8-bit octets; the boundary is random, so they cannot end the part.
 */
function returnedPart({ originalMessage, ret }: DsnFacts, international: boolean): Returned {
  const full = ret === 'full' ? originalMessage.content : undefined;
  const whole = full !== undefined;
  const header = originalMessage.header;
  const eightBit = whole || international || header.some((octet) => octet > 127);
  const global = international || header.some((octet) => octet > 127);
  const type = whole
    ? `message/${global ? 'global' : 'rfc822'}`
    : global
      ? 'message/global-headers'
      : 'text/rfc822-headers';
  return {
    header:
      `Content-Type: ${type}\r\n` +
      (eightBit ? 'Content-Transfer-Encoding: 8bit\r\n' : '') +
      `Content-Description: ${whole ? 'Returned message' : 'Header of the message'}\r\n`,
    body: full ?? bufferContent(header),
  };
}
