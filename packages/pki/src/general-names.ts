import type { Tlv } from '@sallyport/der';
import { Fields, isUniversal, MalformedError, members, oidOf, TAG, whole } from './asn1.ts';
import { type DistinguishedName, parseName } from './distinguished-name.ts';
import { PKIX } from './oids.ts';

const MAX_GENERAL_NAMES = 1024;

/** RFC 5280 section 4.2.1.6 GeneralName; an address keeps its raw octets. */
export type GeneralName =
  | { readonly kind: 'rfc822'; readonly value: string }
  | { readonly kind: 'smtp-utf8'; readonly value: string }
  | { readonly kind: 'dns'; readonly value: string }
  | { readonly kind: 'uri'; readonly value: string }
  | { readonly kind: 'ip'; readonly octets: Buffer }
  | { readonly kind: 'directory'; readonly name: DistinguishedName }
  | { readonly kind: 'other'; readonly form: string };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Printable ASCII only: a NUL or control character in a name is an attack or a fault. */
function asciiText(tlv: Tlv, what: string): string {
  if (tlv.constructed || tlv.value.some((octet) => octet < 0x21 || octet > 0x7e)) {
    throw new MalformedError(`${what} has octets that are no visible ASCII`);
  }
  return tlv.value.toString('latin1');
}

/** RFC 9598 section 3: SmtpUTF8Mailbox is a UTF8String in an otherName. */
function parseOtherName(tlv: Tlv): GeneralName {
  const fields = new Fields(members(tlv, 'otherName'), 'otherName');
  const oid = oidOf(fields.need(TAG.oid, 'its type'), 'otherName type');
  const wrapper = fields.context(0);
  if (wrapper === undefined) throw new MalformedError('otherName lacks its value');
  fields.end();
  if (oid !== PKIX.smtpUtf8Mailbox) return { kind: 'other', form: `otherName ${oid}` };
  const inner = whole(wrapper.value, 'SmtpUTF8Mailbox');
  if (!isUniversal(inner, TAG.utf8String)) {
    throw new MalformedError('SmtpUTF8Mailbox is no UTF8String');
  }
  try {
    const value = utf8.decode(inner.value);
    if (!/[\p{Cc}\s]/u.test(value)) return { kind: 'smtp-utf8', value };
  } catch {
    // said below
  }
  throw new MalformedError('SmtpUTF8Mailbox is not clean UTF-8');
}

/** Parses one GeneralName. Throws MalformedError or DerError. */
export function parseGeneralName(tlv: Tlv): GeneralName {
  if (tlv.tagClass !== 'context') throw new MalformedError('a general name has no context tag');
  switch (tlv.tag) {
    case 0:
      return parseOtherName(tlv);
    case 1:
      return { kind: 'rfc822', value: asciiText(tlv, 'rfc822Name') };
    case 2:
      return { kind: 'dns', value: asciiText(tlv, 'dNSName') };
    case 4:
      return { kind: 'directory', name: parseName(whole(tlv.value, 'directoryName')) };
    case 6:
      return { kind: 'uri', value: asciiText(tlv, 'uniformResourceIdentifier') };
    case 7:
      if (tlv.constructed) throw new MalformedError('iPAddress is constructed');
      return { kind: 'ip', octets: tlv.value };
    case 3:
    case 5:
    case 8:
      return { kind: 'other', form: `general name form ${tlv.tag}` };
    default:
      throw new MalformedError(`general name of unknown form ${tlv.tag}`);
  }
}

/** GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName. */
export function parseGeneralNames(tlv: Tlv, what: string): GeneralName[] {
  if (!isUniversal(tlv, TAG.sequence)) throw new MalformedError(`${what} is no SEQUENCE`);
  return generalNamesIn(tlv, what);
}

/** The names in GeneralNames under any tag. */
export function generalNamesIn(tlv: Tlv, what: string): GeneralName[] {
  const names = members(tlv, what, MAX_GENERAL_NAMES).map(parseGeneralName);
  if (names.length === 0) throw new MalformedError(`${what} is empty`);
  return names;
}

const DNS_LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Lower case, without regard to a wildcard; null if the labels are none that DNS carries. */
export function cleanDnsName(text: string): string | null {
  const lower = text.toLowerCase();
  const labels = lower.split('.');
  if (labels[0] === '*') labels.shift();
  const isClean =
    labels.length > 0 && lower.length <= 253 && labels.every((l) => DNS_LABEL.test(l));
  return isClean ? lower : null;
}

/** The usual text of an address; null if it has neither 4 nor 16 octets. */
export function formatIp(octets: Buffer): string | null {
  if (octets.length === 4) return [...octets].join('.');
  if (octets.length !== 16) return null;
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(octets.readUInt16BE(at).toString(16));
  // The longest run of zero groups is written `::` (RFC 5952 section 4.2).
  const runs = groups.join(':').match(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest === '') return groups.join(':');
  const text = groups.join(':');
  const at = text.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  return `${text.slice(0, at).replace(/:$/, '')}::${text.slice(at + longest.length).replace(/^:/, '')}`;
}

/** The octets of an address in text form; null if it is none. */
export function parseIp(text: string): Buffer | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const octets = text.split('.').map(Number);
    return octets.every((octet) => octet < 256) ? Buffer.from(octets) : null;
  }
  if (!/^[0-9a-f:]{2,39}$/i.test(text) || !text.includes(':')) return null;
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = groups;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 1 ? gap !== 0 : gap < 1) return null;
  const all = [...head, ...Array<string>(gap).fill('0'), ...tail];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  const octets = Buffer.alloc(16);
  for (const [index, group] of all.entries())
    octets.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return octets;
}
