import type { Content } from '@sallyport/mail';
import { firstValue, type ReportField, readFields, readPart, splitParts } from './report-bytes.ts';

/** One recipient of a report (RFC 3464 section 2.3). */
export interface ReportedRecipient {
  /** Without its address type; as sent. */
  readonly finalRecipient: string | null;
  readonly originalRecipient: string | null;
  readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded' | null;
  /** For example `5.1.1`; null if it is not of that form. */
  readonly status: string | null;
  readonly diagnosticCode: string | null;
  readonly remoteMta: string | null;
}

/** What a report says. Hints for finding our message: nothing in it is proved. */
export interface ParsedDsn {
  readonly reportingMta: string | null;
  /** Original-Envelope-Id: the ENVID that we gave (RFC 3461 section 4.4). */
  readonly originalEnvelopeId: string | null;
  /** Message-ID of the returned message, angle brackets included. */
  readonly originalMessageId: string | null;
  readonly recipients: readonly ReportedRecipient[];
}

export type ParseDsn =
  | { readonly kind: 'dsn'; readonly value: ParsedDsn }
  | { readonly kind: 'not-a-dsn' };

const MAX_READ_BYTES = 1024 * 1024;
const MAX_RECIPIENTS = 1000;
const MAX_DEPTH = 5;
const MAX_VALUE = 2000;
const ACTIONS = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const;

/**
 * Reads a delivery status notification (RFC 3464, RFC 6533). Only the first 1 MiB is looked at.
 *
 * @returns `not-a-dsn` for anything without status fields; bad bytes never throw.
 * @throws what the content's own read throws.
 */
export async function parseDsn(content: Content): Promise<ParseDsn> {
  const found: Found = { status: null, messageId: null, loose: null };
  search(await firstBytes(content), found, 0);
  const status = found.status ?? found.loose;
  if (status === null) return { kind: 'not-a-dsn' };
  const groups = status.split(/\r?\n(?:[ \t]*\r?\n)+/).map(readFields);
  const filled = groups.filter((fields) => fields.length > 0);
  const message = filled.find((fields) => firstValue(fields, 'final-recipient') === null) ?? [];
  const recipients = filled.filter(isRecipientGroup).slice(0, MAX_RECIPIENTS).map(recipient);
  const value: ParsedDsn = {
    reportingMta: typed(firstValue(message, 'reporting-mta')),
    originalEnvelopeId: bounded(firstValue(message, 'original-envelope-id')),
    originalMessageId: found.messageId,
    recipients,
  };
  return { kind: 'dsn', value };
}

async function firstBytes(content: Content): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content.open()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MAX_READ_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_READ_BYTES);
}

interface Found {
  status: string | null;
  messageId: string | null;
  /** Status fields outside of a part of their own; second choice. */
  loose: string | null;
}

function search(bytes: Buffer, found: Found, depth: number): void {
  const part = readPart(bytes);
  if (part.type.startsWith('multipart/') && part.boundary !== null && depth < MAX_DEPTH) {
    for (const piece of splitParts(part.body, part.boundary)) search(piece, found, depth + 1);
    return;
  }
  switch (part.type) {
    case 'message/delivery-status':
    case 'message/global-delivery-status':
      found.status ??= part.body.toString(part.type.includes('global') ? 'utf8' : 'latin1');
      break;
    case 'message/rfc822':
    case 'message/global':
    case 'message/rfc822-headers':
    case 'message/global-headers':
    case 'text/rfc822-headers':
      found.messageId ??= messageIdOf(part.body);
      break;
    default:
      found.loose ??= looseStatus(part.body);
  }
}

/** Status fields in a part that does not say what it is: some systems write them so. */
function looseStatus(body: Buffer): string | null {
  const text = body.toString('latin1');
  return /^Final-Recipient[ \t]*:/im.test(text) ? text : null;
}

function messageIdOf(returned: Buffer): string | null {
  const value = firstValue(readPart(returned).fields, 'message-id');
  const id = value === null ? null : /<[^<>\s]{1,996}>/.exec(value)?.[0];
  return id ?? null;
}

function isRecipientGroup(fields: readonly ReportField[]): boolean {
  return ['final-recipient', 'action', 'status'].some((name) => firstValue(fields, name) !== null);
}

function recipient(fields: readonly ReportField[]): ReportedRecipient {
  const action = firstValue(fields, 'action')?.toLowerCase().split(/[\s(]/)[0];
  const status = /(?:^|\s)([245]\.\d{1,3}\.\d{1,3})(?=\D|$)/.exec(
    firstValue(fields, 'status') ?? '',
  );
  return {
    finalRecipient: address(firstValue(fields, 'final-recipient')),
    originalRecipient: address(firstValue(fields, 'original-recipient')),
    action: ACTIONS.find((known) => known === action) ?? null,
    status: status?.[1] ?? null,
    diagnosticCode: typed(firstValue(fields, 'diagnostic-code')),
    remoteMta: typed(firstValue(fields, 'remote-mta')),
  };
}

function bounded(value: string | null): string | null {
  return value === null || value === '' ? null : value.slice(0, MAX_VALUE);
}

/** The text after `type;`. */
function typed(value: string | null): string | null {
  return bounded(value?.replace(/^[A-Za-z0-9-]+\s*;\s*/, '') ?? null);
}

function address(value: string | null): string | null {
  const text = typed(value);
  return text === null ? null : bounded(/^<(.*)>$/.exec(text)?.[1] ?? text);
}
