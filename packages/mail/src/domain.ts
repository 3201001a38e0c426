import { domainToASCII, domainToUnicode } from 'node:url';

declare const tag: unique symbol;
type Tagged<Base, Name extends string> = Base & { readonly [tag]: Name };

/** Lower-case A-labels, no trailing dot (RFC 5321 section 2.3.5, RFC 5890). Compare with `===`. */
export type Domain = Tagged<string, 'Domain'>;

const MAX_DOMAIN_OCTETS = 255; // RFC 5321 section 4.5.3.1.2
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * Parses a domain name: U-labels become A-labels, one trailing dot is dropped.
 *
 * @returns null if it is empty, too long, an address literal, or has a label that DNS would not carry.
 */
export function parseDomain(text: string): Domain | null {
  if (text.length === 0 || text.length > MAX_DOMAIN_OCTETS * 4) return null;
  const dotless = text.endsWith('.') ? text.slice(0, -1) : text;
  // domainToASCII would read "1.2" or "0x7f" as an IPv4 address and drop percent signs: refuse first.
  if (/[\s%/?#@:[\]\\<>^|]/.test(dotless)) return null;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range says "is plain ASCII"
  const plain = /^[\x00-\x7f]*$/.test(dotless);
  const ascii = plain ? dotless.toLowerCase() : domainToASCII(dotless);
  if (ascii.length === 0 || ascii.length > MAX_DOMAIN_OCTETS) return null;
  const labels = ascii.split('.');
  if (!labels.every((label) => LABEL.test(label))) return null;
  if (/^\d+$/.test(labels.at(-1) ?? '')) return null;
  return ascii as Domain;
}

/** For people: A-labels become U-labels again. */
export function formatDomain(domain: Domain): string {
  const unicode = domainToUnicode(domain);
  return unicode === '' ? domain : unicode;
}

/** True if `name` is `ancestor` or lies below it, by whole labels (DS-N9). */
export function isSameOrSubdomain(name: Domain, ancestor: Domain): boolean {
  return name === ancestor || name.endsWith(`.${ancestor}`);
}
