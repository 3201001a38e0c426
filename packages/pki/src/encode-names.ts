import { der } from '@sallyport/der';
import { formatMailbox, parseDomain, parseMailbox } from '@sallyport/mail';
import { parseIp } from './general-names.ts';
import { PKIX } from './oids.ts';

/** Subtrees of RFC 5280 section 4.2.1.10: hosts, mail domains, and address ranges as `192.0.2.0/24`. */
interface SubtreesRequest {
  readonly dnsNames?: readonly string[];
  readonly emails?: readonly string[];
  readonly ips?: readonly string[];
}

export interface NameConstraintsRequest {
  /** RFC 5280 section 4.2.1.10 says critical, which is the default. */
  readonly criticality?: 'critical' | 'plain';
  readonly permitted?: SubtreesRequest;
  readonly excluded?: SubtreesRequest;
}

/** RFC 9598 section 3: an address whose local-part is not ASCII needs SmtpUTF8Mailbox. */
function encodeEmail(text: string): Buffer {
  const mailbox = parseMailbox(text);
  if (mailbox === null) throw new RangeError(`no mailbox: ${JSON.stringify(text)}`);
  const formatted = formatMailbox(mailbox);
  if (/^[\x21-\x7e]+$/.test(formatted)) return der.implicit(1, der.ia5String(formatted));
  const value = der.explicit(0, der.utf8String(formatted));
  return der.implicit(0, der.sequence(der.oid(PKIX.smtpUtf8Mailbox), value));
}

function encodeDns(text: string): Buffer {
  const isWildcard = text.startsWith('*.');
  const domain = parseDomain(isWildcard ? text.slice(2) : text);
  if (domain === null) throw new RangeError(`no host name: ${JSON.stringify(text)}`);
  return der.implicit(2, der.ia5String(isWildcard ? `*.${domain}` : domain));
}

function encodeIp(text: string): Buffer {
  const octets = parseIp(text);
  if (octets === null) throw new RangeError(`no address: ${JSON.stringify(text)}`);
  return der.implicit(7, der.octetString(octets));
}

/** DER GeneralNames of subjectAltName; null if there is none to write. */
export function encodeAltNames(names: {
  readonly emails?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
}): Buffer | null {
  const parts = [
    ...(names.emails ?? []).map(encodeEmail),
    ...(names.dnsNames ?? []).map(encodeDns),
    ...(names.ips ?? []).map(encodeIp),
  ];
  return parts.length === 0 ? null : der.sequence(...parts);
}

/** `192.0.2.0/24` to address and mask (RFC 4632). */
function encodeRange(text: string): Buffer {
  const [address = '', prefix = ''] = text.split('/');
  const octets = parseIp(address);
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  if (octets === null || bits < 0 || bits > octets.length * 8) {
    throw new RangeError(`no address range: ${JSON.stringify(text)}`);
  }
  const mask = Buffer.alloc(octets.length);
  for (let bit = 0; bit < bits; bit += 1) {
    mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  return der.implicit(7, der.octetString(Buffer.concat([octets, mask])));
}

/** A domain, or a domain with a leading period; a mail base may also be one mailbox. */
function encodeBase(tag: 1 | 2, text: string): Buffer {
  const mailbox = tag === 1 && text.includes('@') ? parseMailbox(text) : null;
  if (mailbox !== null) return der.implicit(tag, der.ia5String(formatMailbox(mailbox)));
  const period = text.startsWith('.') ? '.' : '';
  const domain = parseDomain(text.slice(period.length));
  if (domain === null) throw new RangeError(`no domain: ${JSON.stringify(text)}`);
  return der.implicit(tag, der.ia5String(`${period}${domain}`));
}

function encodeSubtrees(tag: 0 | 1, subtrees: SubtreesRequest): Buffer[] {
  const bases = [
    ...(subtrees.emails ?? []).map((text) => encodeBase(1, text)),
    ...(subtrees.dnsNames ?? []).map((text) => encodeBase(2, text)),
    ...(subtrees.ips ?? []).map(encodeRange),
  ];
  if (bases.length === 0) return [];
  return [der.implicit(tag, der.sequence(...bases.map((base) => der.sequence(base))))];
}

/** DER NameConstraints; null if nothing is constrained. */
export function encodeNameConstraints(constraints: NameConstraintsRequest): Buffer | null {
  const parts = [
    ...encodeSubtrees(0, constraints.permitted ?? {}),
    ...encodeSubtrees(1, constraints.excluded ?? {}),
  ];
  return parts.length === 0 ? null : der.sequence(...parts);
}
