import { der } from '@sallyport/der';
import { formatMailbox, parseDomain, parseMailbox } from '@sallyport/mail';
import { parseIp } from './general-names.ts';
import { PKIX } from './oids.ts';

/** A subject in parts; written from the most significant to the least: DC, C, ST, L, O, OU, CN. */
export interface SubjectRequest {
  /** RFC 2247 components, top first: `['us', 'acme', 'marketing']`. */
  readonly dc?: readonly string[];
  readonly c?: string;
  readonly st?: string;
  readonly l?: string;
  readonly o?: string;
  /** Most significant first. */
  readonly ou?: string | readonly string[];
  readonly cn?: string;
}

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

const MAX_ATTRIBUTE_CHARACTERS = 64; // RFC 5280 appendix A.1 ub-common-name and its like

function attribute(oid: string, value: string): Buffer {
  if (value.length === 0 || value.length > MAX_ATTRIBUTE_CHARACTERS || /\p{Cc}/u.test(value)) {
    throw new RangeError('a subject attribute is empty, too long or has control characters');
  }
  // RFC 5280 appendix A.1: countryName is a PrintableString of two letters; DC is IA5String.
  const isCountry = oid === PKIX.countryName;
  if (isCountry && !/^[A-Z]{2}$/.test(value)) throw new RangeError('a country is two capitals');
  const text = isCountry
    ? der.printableString(value)
    : oid === PKIX.domainComponent
      ? der.ia5String(value)
      : der.utf8String(value);
  return der.setOf([der.sequence(der.oid(oid), text)]);
}

/** DER Name. Throws RangeError for values that RFC 5280 does not allow. */
export function encodeSubject(subject: SubjectRequest): Buffer {
  const units = typeof subject.ou === 'string' ? [subject.ou] : (subject.ou ?? []);
  const pairs: [string, string | undefined][] = [
    ...(subject.dc ?? []).map((value): [string, string] => [PKIX.domainComponent, value]),
    [PKIX.countryName, subject.c],
    [PKIX.stateOrProvinceName, subject.st],
    [PKIX.localityName, subject.l],
    [PKIX.organizationName, subject.o],
    ...units.map((value): [string, string] => [PKIX.organizationalUnitName, value]),
    [PKIX.commonName, subject.cn],
  ];
  const levels = pairs.flatMap(([oid, value]) =>
    value === undefined ? [] : [attribute(oid, value)],
  );
  return der.sequence(...levels);
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
