import { z } from 'zod';

/** RFC 7512 section 2.3: the attributes that name a token and an object on it, and no others. */
export interface TokenUri {
  readonly token?: string;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly serial?: string;
  /** CKA_LABEL. */
  readonly object?: string;
  /** CKA_ID. */
  readonly id?: Buffer;
}

const SCHEME = 'pkcs11:';
const MAX_URI_CHARS = 1_024;
/** In the order in which they are written. */
const TEXTS = ['token', 'manufacturer', 'model', 'serial', 'object'] as const;
const TYPE = 'type=private';
const MAX_ID_BYTES = 64;
/** RFC 7512 section 2.3 pk11-pchar without the octets that stand for themselves nowhere else. */
const ATTRIBUTE = /^([a-z-]+)=((?:[A-Za-z0-9\-._~:[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})*)$/;

/**
 * Parses a PKCS#11 URI that names one private key. Query attributes are refused: which module is
 * loaded and where its PIN lies is the config's to say, never a record's.
 *
 * @returns why it names no key, if it does not.
 */
export function parseTokenUri(text: string): TokenUri | { readonly reason: string } {
  if (text.length > MAX_URI_CHARS) return { reason: `longer than ${MAX_URI_CHARS} characters` };
  if (!text.startsWith(SCHEME)) return { reason: `must begin with ${SCHEME}` };
  if (text.includes('?')) return { reason: 'must have no query: module and PIN are in the config' };
  const attributes = new Map<string, Buffer>();
  for (const part of text.slice(SCHEME.length).split(';')) {
    const [, name = '', value = ''] = ATTRIBUTE.exec(part) ?? [];
    if (attributes.has(name)) return { reason: `names ${name} twice` }; // RFC 7512 section 2.3
    const isKnown = name === 'id' || TEXTS.some((one) => one === name);
    if (!isKnown && part !== TYPE) return { reason: `has no use for ${part}` };
    attributes.set(name, percentDecode(value));
  }
  return checked(attributes);
}

function checked(attributes: ReadonlyMap<string, Buffer>): TokenUri | { readonly reason: string } {
  if (!attributes.has('token') && !attributes.has('serial')) {
    return { reason: 'must name the token by token= or serial=' };
  }
  const id = attributes.get('id');
  if (id !== undefined && (id.length === 0 || id.length > MAX_ID_BYTES)) {
    return { reason: `id= must have from 1 to ${MAX_ID_BYTES} octets` };
  }
  if (id === undefined && !attributes.has('object')) {
    return { reason: 'must name the key by id= or object=' };
  }
  const texts = TEXTS.flatMap((name) => {
    const value = attributes.get(name);
    return value === undefined ? [] : [[name, value.toString('utf8')] as const];
  });
  return { ...Object.fromEntries(texts), ...(id === undefined ? {} : { id }) };
}

/** The URI of a private key. */
export function formatTokenUri(uri: TokenUri): string {
  const parts = TEXTS.flatMap((name) => {
    const text = uri[name];
    return text === undefined ? [] : [`${name}=${percentEncode(Buffer.from(text, 'utf8'))}`];
  });
  // RFC 7512 section 2.3: id is octets, so all of them are written as %XX.
  const id = uri.id === undefined ? [] : [`id=${everyOctet(uri.id)}`];
  return `${SCHEME}${[...parts, ...id, TYPE].join(';')}`;
}

/** A URI of RFC 7512 that names one private key, kept as text. */
export const tokenUriSchema = z
  .string()
  .max(MAX_URI_CHARS)
  .superRefine((text, context) => {
    const parsed = parseTokenUri(text);
    if ('reason' in parsed) context.addIssue({ code: 'custom', message: parsed.reason });
  });

function percentDecode(text: string): Buffer {
  const latin1 = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(latin1, 'latin1');
}

function percentEncode(octets: Buffer): string {
  return [...octets]
    .map((octet) => {
      const character = String.fromCharCode(octet);
      return /[A-Za-z0-9\-._~]/.test(character) ? character : everyOctet(Buffer.from([octet]));
    })
    .join('');
}

function everyOctet(octets: Buffer): string {
  return [...octets]
    .map((octet) => `%${octet.toString(16).padStart(2, '0').toUpperCase()}`)
    .join('');
}
