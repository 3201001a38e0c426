import { randomBytes } from 'node:crypto';
import { bufferContent, type Content, formatMailbox, type Mailbox } from '@sallyport/mail';
import { clean, field, formatDate, wrap } from './text.ts';

/** Everything that a report mail is made of (RFC 8460 section 5.3). */
export interface TlsReportMail {
  /** The domain that the report is about. */
  readonly domain: string;
  /** Our domain; that of the report's contact. */
  readonly submitter: string;
  readonly reportId: string;
  readonly from: Mailbox;
  readonly to: Mailbox;
  readonly date: Date;
  readonly messageId: string;
  readonly filename: string;
  /** The JSON, gzipped. */
  readonly packed: Buffer;
  /** A line or two for people. */
  readonly summary: string;
}

/**
 * The mail that carries a TLS report: multipart/report with a part in plain words and the report
 * itself (RFC 8460 section 5.3). To be sent from the null reverse-path, so that it is never
 * answered.
 *
 * Line ends and control characters in any fact become spaces: no fact makes a field of its own.
 */
export function formatTlsReportMail(mail: TlsReportMail): Content {
  const boundary = `=_${randomBytes(16).toString('hex')}`;
  const id = mail.reportId.replaceAll(/[^A-Za-z0-9.+@-]/g, '');
  const reportId = id.includes('@') ? id : `${id}@${mail.submitter}`;
  const subject = `Report Domain: ${mail.domain} Submitter: ${mail.submitter} Report-ID: <${reportId}>`;
  const header = [
    field('From', `<${formatMailbox(mail.from)}>`),
    field('To', `<${formatMailbox(mail.to)}>`),
    field('Subject', subject),
    field('Date', formatDate(mail.date)),
    field('Message-ID', `<${clean(mail.messageId).replaceAll(/[<>\s]/g, '')}>`),
    field('Auto-Submitted', 'auto-generated'), // RFC 3834 section 5
    field('TLS-Report-Domain', mail.domain),
    field('TLS-Report-Submitter', mail.submitter),
    'MIME-Version: 1.0\r\n',
    `Content-Type: multipart/report; report-type="tlsrpt";\r\n boundary="${boundary}"\r\n\r\n`,
  ];
  const filename = clean(mail.filename).replaceAll(/["\\]/g, '');
  const parts = [
    `--${boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n`,
    `${wrap(ascii(mail.summary)).join('\r\n')}\r\n`,
    `--${boundary}\r\nContent-Type: application/tlsrpt+gzip\r\n`,
    'Content-Transfer-Encoding: base64\r\n',
    `Content-Disposition: attachment;\r\n filename="${filename}"\r\n\r\n`,
    `${base64Lines(mail.packed)}\r\n--${boundary}--\r\n`,
  ];
  return bufferContent(Buffer.from([...header, ...parts].join(''), 'latin1'));
}

function ascii(text: string): string {
  return clean(text).replaceAll(/[^\x20-\x7e]/g, '?');
}

function base64Lines(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll(/(.{76})(?=.)/g, '$1\r\n');
}
