import type { Tlv } from '@sallyport/der';
import { isUniversal, MalformedError, members, oidOf, sequence, TAG } from './asn1.ts';
import { PKIX, SHORT_NAMES } from './oids.ts';

const MAX_RDNS = 64;
const MAX_ATTRIBUTES_OF_RDN = 16;
const MAX_VALUE_BYTES = 4096;

/** One attribute of a distinguished name (RFC 5280 section 4.1.2.4). */
export interface NameAttribute {
  readonly oid: string;
  /** The text as written; `#` and hexadecimal DER if it is no text (RFC 4514 section 2.4). */
  readonly value: string;
  /** What is compared: RFC 5280 section 7.1. */
  readonly comparable: string;
}

/** The attributes that stand at one level of a name. */
export type RelativeName = readonly NameAttribute[];

/** A distinguished name, most significant level first. */
export interface DistinguishedName {
  readonly der: Buffer;
  readonly rdns: readonly RelativeName[];
  /** One string per level; equal levels have equal strings. */
  readonly keys: readonly string[];
  /** Equal names have equal keys. */
  readonly key: string;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(tlv: Tlv): string | null {
  if (tlv.tagClass !== 'universal' || tlv.constructed) return null;
  switch (tlv.tag) {
    case TAG.utf8String:
      try {
        return utf8.decode(tlv.value);
      } catch {
        throw new MalformedError('a name has a UTF8String that is not UTF-8');
      }
    case 18: // NumericString
    case 19: // PrintableString
    case 22: // IA5String
    case 26: // VisibleString
      if (tlv.value.some((octet) => octet > 0x7f)) {
        throw new MalformedError('a name has an ASCII string with other octets');
      }
      return tlv.value.toString('latin1');
    case 20: // TeletexString, in practice Latin-1
      return tlv.value.toString('latin1');
    case 30: // BMPString
      return utf16BigEndian(tlv.value);
    default:
      return null;
  }
}

function utf16BigEndian(octets: Buffer): string {
  if (octets.length % 2 !== 0) throw new MalformedError('a name has a BMPString of odd length');
  return Buffer.from(octets).swap16().toString('utf16le');
}

/** RFC 5280 section 7.1: case and white space do not count, nor does the string type. */
function comparableText(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();
}

function parseAttribute(tlv: Tlv): NameAttribute {
  const fields = sequence(tlv, 'an attribute of a name');
  const oid = oidOf(fields.need(TAG.oid, 'its type'), 'attribute type');
  const value = fields.any('its value');
  fields.end();
  if (value.value.length > MAX_VALUE_BYTES) throw new MalformedError('a name is too long');
  const text = textOf(value);
  if (text !== null) return { oid, value: text, comparable: `t${comparableText(text)}` };
  const hex = value.bytes.toString('hex');
  return { oid, value: `#${hex}`, comparable: `h${hex}` };
}

function keyOf(rdn: RelativeName): string {
  const pairs = rdn.map((attribute) => JSON.stringify([attribute.oid, attribute.comparable]));
  return JSON.stringify(pairs.sort());
}

function parseLevel(rdn: Tlv): NameAttribute[] {
  const attributes = members(rdn, 'a level of a name', MAX_ATTRIBUTES_OF_RDN);
  if (attributes.length === 0) throw new MalformedError('a level of a name is empty');
  return attributes.map(parseAttribute);
}

/** The key of one RelativeDistinguishedName under any tag, as it stands in `keys`. */
export function parseLevelKey(rdn: Tlv): string {
  return keyOf(parseLevel(rdn));
}

/** The `key` of the name that has these levels. */
export function nameKeyOf(keys: readonly string[]): string {
  return JSON.stringify(keys);
}

/** Parses a Name (RFC 5280 section 4.1.2.4). Throws MalformedError or DerError. */
export function parseName(tlv: Tlv): DistinguishedName {
  if (!isUniversal(tlv, TAG.sequence)) throw new MalformedError('a name is no SEQUENCE');
  const rdns = members(tlv, 'a name', MAX_RDNS).map((rdn) => {
    if (!isUniversal(rdn, TAG.set)) throw new MalformedError('a level of a name is no SET');
    return parseLevel(rdn);
  });
  const keys = rdns.map(keyOf);
  return { der: tlv.bytes, rdns, keys, key: nameKeyOf(keys) };
}

/** All values of one attribute type, most significant first. */
export function valuesOf(name: DistinguishedName, oid: string): string[] {
  return name.rdns.flat().flatMap((attribute) => (attribute.oid === oid ? [attribute.value] : []));
}

/** True if the subtree's levels are the first levels of the name (RFC 5280 section 4.2.1.10). */
export function isWithinName(name: DistinguishedName, subtree: DistinguishedName): boolean {
  return subtree.keys.every((key, index) => name.keys[index] === key);
}

function escapeValue(value: string): string {
  return value
    .replace(/["+,;<>\\]/gu, '\\$&')
    .replace(/^[ #]|(?<=.) $/gu, '\\$&')
    .replace(
      /\p{Cc}/gu,
      (character) =>
        `\\${Buffer.from(character)
          .toString('hex')
          .replace(/..(?=.)/gu, '$&\\')}`,
    );
}

function formatAttribute({ oid, value, comparable }: NameAttribute): string {
  // `#` and hexadecimal stand bare only for what is no text, so no text can pretend to be that.
  const shown = comparable.startsWith('h') ? value : escapeValue(value);
  return `${SHORT_NAMES.get(oid) ?? oid}=${shown}`;
}

/** RFC 4514 text for people and logs: least significant level first, control characters escaped. */
export function formatName(name: DistinguishedName): string {
  if (name.rdns.length === 0) return '(empty name)';
  const levels = name.rdns.map((rdn) => rdn.map(formatAttribute).join('+'));
  return levels.reverse().join(',');
}

/** The common names, in the order they are written. */
export function commonNamesOf(name: DistinguishedName): string[] {
  return valuesOf(name, PKIX.commonName);
}
