import type { DkimFields } from '@sallyport/ipc';
import { fieldsNamed, type HeaderField } from '@sallyport/mime';

/**
 * Fields that a message has once at most and that say what it is (RFC 6376 section 5.4.1): signed,
 * and named once more than they are there, so that nobody adds another (section 8.15).
 */
const SEALED = [
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'subject',
  'date',
  'message-id',
  'in-reply-to',
  'references',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'auto-submitted',
] as const;

/** Signed where they are; who passes the message on may add such fields. */
const IF_PRESENT = [
  'resent-from',
  'resent-sender',
  'resent-to',
  'resent-cc',
  'resent-date',
  'resent-message-id',
  'list-id',
  'list-help',
  'list-unsubscribe',
  'list-unsubscribe-post', // RFC 8058 section 4
  'list-subscribe',
  'list-post',
  'list-owner',
  'list-archive',
  'tls-report-domain', // RFC 8460 section 5.3
  'tls-report-submitter',
] as const;

const MAX_FIELDS = 100;
/** Longer ones stay unsigned: to sign a list of thousands of addresses protects nobody. */
const MAX_VALUE_CHARS = 64 * 1024;
const MAX_TOTAL_CHARS = 128 * 1024;

/** What of a header section is signed; null if From is not one that can be. */
export function signedFields(
  header: readonly HeaderField[],
): Pick<DkimFields, 'fields' | 'absent'> | null {
  const fields: DkimFields['fields'] = [];
  const absent: string[] = [];
  let chars = 0;
  for (const name of [...SEALED, ...IF_PRESENT]) {
    // RFC 6376 section 5.4.2: of several the lowest is the first to be signed.
    const present = fieldsNamed(header, name).toReversed();
    const length = present.reduce((sum, { value }) => sum + value.length, 0);
    const isTaken =
      present.every(({ value }) => isSignable(value)) &&
      chars + length <= MAX_TOTAL_CHARS &&
      fields.length + present.length <= MAX_FIELDS;
    if (!isTaken) continue;
    chars += length;
    fields.push(...present.map(({ value }) => ({ name, value })));
    if (isSealed(name)) absent.push(name);
  }
  return fieldsNamed(header, 'from').length === 1 && absent.includes('from')
    ? { fields, absent }
    : null;
}

function isSealed(name: string): boolean {
  return SEALED.some((one) => one === name);
}

function isSignable(value: string): boolean {
  return value.length <= MAX_VALUE_CHARS && !/[\0\r\n]/.test(value);
}
