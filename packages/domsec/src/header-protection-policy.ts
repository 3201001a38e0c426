import { formatMailbox, never } from '@sallyport/mail';
import { parseAddressList } from '@sallyport/mime';
import { bareCharacters } from './header-protection-scan.ts';

/** Which Header Confidentiality Policy of RFC 9788 section 3.2 says what stays readable outside. */
export type HeaderConfidentiality = 'baseline' | 'shy' | 'none';

/**
 * What stands outside in place of a field's value: the value itself, another one, or null for
 * nothing. `name` is in lower case; structural fields are no subject of a policy.
 */
export function outerValue(
  policy: HeaderConfidentiality,
  name: string,
  value: string,
): string | null {
  switch (policy) {
    case 'none':
      return value;
    case 'baseline':
      return baseline(name, value);
    case 'shy':
      return shy(name, value);
    default:
      return never(policy);
  }
}

/** RFC 9788 section 3.2.1. */
function baseline(name: string, value: string): string | null {
  if (name === 'subject') return '[...]';
  return name === 'comments' || name === 'keywords' ? null : value;
}

/** RFC 9788 section 3.2.2. */
function shy(name: string, value: string): string | null {
  switch (name) {
    case 'from':
      return addressesOf(value, 1) ?? value;
    case 'to':
    case 'cc':
      return addressesOf(value, MAX_ADDRESSES) ?? value;
    case 'date':
      return utcDate(value) ?? value;
    default:
      return baseline(name, value);
  }
}

const MAX_ADDRESSES = 1_000;

/** The addr-specs of a mailbox-list; null for groups, for none, and where ASCII cannot say them. */
function addressesOf(value: string, maxAddresses: number): string | null {
  const mailboxes = hasGroup(value) ? null : parseAddressList(value, maxAddresses);
  if (mailboxes === null || mailboxes.length === 0) return null;
  const list = mailboxes.map(formatMailbox).join(', ');
  // RFC 9788 section 3.1: an altered value is printable 7-bit ASCII.
  return /^[\x20-\x7e]+$/.test(list) ? list : null;
}

/** True if a colon stands outside of quoted strings and comments (RFC 5322 section 3.4). */
function hasGroup(value: string): boolean {
  for (const { char } of bareCharacters(value)) if (char === ':') return true;
  return false;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DATE_TIME =
  /^(?:(?:sun|mon|tue|wed|thu|fri|sat)[ \t]{0,9},)?[ \t]{0,9}(\d{1,2})[ \t]{1,9}(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[ \t]{1,9}(\d{4})[ \t]{1,9}(\d\d):(\d\d)(?::(\d\d))?[ \t]{1,9}([+-]\d{4}|gmt|ut)(?:[ \t]{0,9}\([^()\\]{0,99}\))?$/i;

/** The same instant in UTC; null for what is no date-time of RFC 5322 section 3.3. */
function utcDate(value: string): string | null {
  const match = DATE_TIME.exec(value);
  if (match === null) return null;
  const [, day, name = '', year, hour, minute, second = '0', zone = ''] = match;
  const month = MONTHS.findIndex((one) => one.toLowerCase() === name.toLowerCase());
  const local = new Date(0);
  local.setUTCFullYear(Number(year), month, Number(day));
  const isDay = local.getUTCDate() === Number(day) && local.getUTCMonth() === month;
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  if (!isDay || !isTime) return null;
  local.setUTCHours(Number(hour), Number(minute), Number(second));
  return formatUtc(new Date(local.getTime() - zoneMs(zone)));
}

function zoneMs(zone: string): number {
  if (!/^[+-]/.test(zone)) return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3));
  return (zone.startsWith('-') ? -1 : 1) * minutes * 60_000;
}

function formatUtc(time: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const date = `${two(time.getUTCDate())} ${MONTHS[time.getUTCMonth()]} ${String(time.getUTCFullYear()).padStart(4, '0')}`;
  const clock = [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()].map(two);
  return `${DAYS[time.getUTCDay()]}, ${date} ${clock.join(':')} +0000`;
}
