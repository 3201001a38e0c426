import { formatField, type HeaderField } from '@sallyport/mime';

/** Structural fields (RFC 9788 section 1.8): they describe the entity and stand where it stands. */
export function isStructural(name: string): boolean {
  return name.startsWith('content-') || name === 'mime-version';
}

/**
 * Written by hosts on the way: inside they say nothing about what was submitted, and from the inside
 * of a received message they prove nothing about its way.
 */
const TRACE_FIELDS: ReadonlySet<string> = new Set([
  'received',
  'return-path',
  'delivered-to',
  'envelope-to',
  'x-original-to',
  'authentication-results',
  'received-spf',
  'arc-seal',
  'arc-message-signature',
  'arc-authentication-results',
]);

/** RFC 5322 section 3.6.3: other recipients must not see them. */
const BLIND_FIELDS: ReadonlySet<string> = new Set(['bcc', 'resent-bcc']);

const HP_OUTER = 'hp-outer';

export function isBlind(name: string): boolean {
  return BLIND_FIELDS.has(name);
}

export function isHpOuter(name: string): boolean {
  return name === HP_OUTER;
}

/** What a protected header may carry: not the way of the message, blind copies, or our own words. */
export function isProtectable(name: string): boolean {
  const isOurs = name.startsWith('x-sallyport-') || name === HP_OUTER;
  return !TRACE_FIELDS.has(name) && !BLIND_FIELDS.has(name) && !isOurs;
}

/** A field of ours, as a reader would have parsed it. */
export function newField(name: string, value: string): HeaderField {
  return { name, value, raw: formatField(name, value) };
}

/** A field as it stands; the last one of a section that just ends may lack its CRLF. */
export function withLineEnd(field: HeaderField): HeaderField {
  if (field.raw.at(-1) === 0x0a) return field;
  return { ...field, raw: Buffer.concat([field.raw, CRLF]) };
}

const CRLF = Buffer.from('\r\n');
const MAX_COLUMNS = 78;

/**
 * The HP-Outer field (RFC 9788 section 2.2) that says how `field` stands outside. Its value is
 * repeated octet for octet, folding included; no word gets longer by it.
 */
export function hpOuterField(field: HeaderField): Buffer {
  const text = withLineEnd(field).raw.toString('latin1');
  const rest = text.slice(text.indexOf(':') + 1);
  const named = `${field.name}:${rest.startsWith(' ') ? rest : ` ${rest}`}`;
  const fits = 'HP-Outer: '.length + named.indexOf('\r\n') <= MAX_COLUMNS;
  return Buffer.from(`HP-Outer:${fits ? ' ' : '\r\n '}${named}`, 'latin1');
}

/** RFC 9788 section 4.2.1: name and value that an HP-Outer field holds; null if it holds none. */
export function parseHpOuter(
  value: string,
): { readonly name: string; readonly value: string } | null {
  const colon = value.indexOf(':');
  const name = trimSpace(value.slice(0, Math.max(colon, 0)));
  if (!/^[\x21-\x39\x3b-\x7e]+$/.test(name)) return null;
  return { name: name.toLowerCase(), value: trimSpace(value.slice(colon + 1)) };
}

/** Without space and tab at both ends, in linear time. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (isSpace(text[start])) start += 1;
  while (end > start && isSpace(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isSpace(char: string | undefined): boolean {
  return char === ' ' || char === '\t';
}
