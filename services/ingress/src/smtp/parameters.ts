import type { ReplyFaultId } from '@sallyport/faults';

/** The parameters of MAIL (RFC 1870, 3461, 4954, 6152, 6531, 8689). */
export interface MailParameters {
  readonly sizeBytes: number | null;
  readonly eightBit: boolean;
  readonly smtpUtf8: boolean;
  readonly requireTls: boolean;
  /** RFC 3461 section 4.3. */
  readonly ret: 'FULL' | 'HDRS' | null;
  /** RFC 3461 section 4.4, xtext as received. */
  readonly envid: string | null;
}

type Notify = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY';

/** The parameters of RCPT (RFC 3461 sections 4.1 and 4.2). */
export interface RecipientParameters {
  readonly notify: readonly Notify[] | null;
  /** `addr-type;xtext` as received. */
  readonly orcpt: string | null;
}

type Parsed<Value> =
  | { readonly kind: 'ok'; readonly value: Value }
  | { readonly kind: 'refused'; readonly fault: ReplyFaultId };

/** What was offered in EHLO: a parameter of an extension that was not is unknown. */
export interface OfferedExtensions {
  readonly auth: boolean;
  readonly requireTls: boolean;
}

const KEYWORD = /^[A-Z0-9][A-Z0-9-]*$/;
const MAX_PARAMETERS = 16;
const SIZE = /^\d{1,20}$/; // RFC 1870 section 4
/** Empty text passes too. */
export const XTEXT = /^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*$/; // RFC 3461 section 4
const MAX_ENVID_OCTETS = 100; // RFC 3461 section 4.4
const MAX_ORCPT_OCTETS = 500; // RFC 3461 section 4.2
const ORCPT = /^[A-Za-z0-9-]{1,40};(.+)$/s;
const UTF8_ADDRESS = /^[\x21-\x7e\u00a0-\u{10ffff}]*$/u; // RFC 6533 section 3, utf-8-addr-unitext

/** `KEY=value` words; null if one is no parameter or comes twice. */
function splitParameters(text: string): Map<string, string | null> | null {
  const found = new Map<string, string | null>();
  if (text === '') return found;
  const words = text.split(/ +/);
  if (words.length > MAX_PARAMETERS) return null;
  for (const word of words) {
    const equals = word.indexOf('=');
    const keyword = (equals < 0 ? word : word.slice(0, equals)).toUpperCase();
    const value = equals < 0 ? null : word.slice(equals + 1);
    if (!KEYWORD.test(keyword) || value === '' || found.has(keyword)) return null;
    found.set(keyword, value);
  }
  return found;
}

const SYNTAX: { kind: 'refused'; fault: ReplyFaultId } = { kind: 'refused', fault: 'syntax-error' };
const UNKNOWN: { kind: 'refused'; fault: ReplyFaultId } = {
  kind: 'refused',
  fault: 'parameter-unknown',
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type ReadParameter<Value> = (into: Mutable<Value>, value: string | null) => boolean;

const MAIL_READERS: ReadonlyMap<string, ReadParameter<MailParameters>> = new Map<
  string,
  ReadParameter<MailParameters>
>([
  [
    'SIZE',
    (into, value) => {
      if (value === null || !SIZE.test(value)) return false;
      into.sizeBytes = Number(value);
      return true;
    },
  ],
  [
    'BODY', // RFC 6152 section 2
    (into, value) => {
      const body = value?.toUpperCase();
      into.eightBit = body === '8BITMIME';
      return body === '8BITMIME' || body === '7BIT';
    },
  ],
  [
    'SMTPUTF8',
    (into, value) => {
      into.smtpUtf8 = true;
      return value === null;
    },
  ],
  [
    'REQUIRETLS',
    (into, value) => {
      into.requireTls = true;
      return value === null;
    },
  ],
  [
    'RET',
    (into, value) => {
      const ret = value?.toUpperCase();
      if (ret !== 'FULL' && ret !== 'HDRS') return false;
      into.ret = ret;
      return true;
    },
  ],
  [
    'ENVID',
    (into, value) => {
      if (value === null || value.length > MAX_ENVID_OCTETS || !XTEXT.test(value)) return false;
      into.envid = value;
      return true;
    },
  ],
  // RFC 4954 section 5: taken and not trusted, as if it were `AUTH=<>`.
  ['AUTH', (_into, value) => value !== null && (value === '<>' || XTEXT.test(value))],
]);

/** Parses what follows the path of MAIL. */
export function parseMailParameters(
  text: string,
  offered: OfferedExtensions,
): Parsed<MailParameters> {
  const words = splitParameters(text);
  if (words === null) return SYNTAX;
  const value: Mutable<MailParameters> = {
    sizeBytes: null,
    eightBit: false,
    smtpUtf8: false,
    requireTls: false,
    ret: null,
    envid: null,
  };
  for (const [keyword, word] of words) {
    const read = MAIL_READERS.get(keyword);
    if (read === undefined) return UNKNOWN;
    if (keyword === 'AUTH' && !offered.auth) return UNKNOWN;
    if (keyword === 'REQUIRETLS' && !offered.requireTls) return UNKNOWN;
    if (!read(value, word)) return SYNTAX;
  }
  return { kind: 'ok', value };
}

const NOTIFY_WORDS: ReadonlySet<string> = new Set(['NEVER', 'SUCCESS', 'FAILURE', 'DELAY']);

function parseNotify(text: string): readonly Notify[] | null {
  const words = text.toUpperCase().split(',');
  const isKnown = (word: string): word is Notify => NOTIFY_WORDS.has(word);
  const known = words.filter(isKnown);
  if (known.length !== words.length || new Set(known).size !== known.length) return null;
  // RFC 3461 section 4.1: NEVER stands alone.
  return known.includes('NEVER') && known.length > 1 ? null : known;
}

function parseOrcpt(text: string, smtpUtf8: boolean): string | null {
  if (Buffer.byteLength(text) > MAX_ORCPT_OCTETS) return null;
  const address = ORCPT.exec(text)?.[1];
  if (address === undefined) return null;
  if (XTEXT.test(address)) return text;
  return smtpUtf8 && /^utf-8;/i.test(text) && UTF8_ADDRESS.test(address) ? text : null;
}

/** Parses what follows the path of RCPT. */
export function parseRecipientParameters(
  text: string,
  smtpUtf8: boolean,
): Parsed<RecipientParameters> {
  const words = splitParameters(text);
  if (words === null) return SYNTAX;
  const value: Mutable<RecipientParameters> = { notify: null, orcpt: null };
  for (const [keyword, word] of words) {
    if (keyword !== 'NOTIFY' && keyword !== 'ORCPT') return UNKNOWN;
    if (word === null) return SYNTAX;
    if (keyword === 'NOTIFY') value.notify = parseNotify(word);
    else value.orcpt = parseOrcpt(word, smtpUtf8);
    if (value[keyword === 'NOTIFY' ? 'notify' : 'orcpt'] === null) return SYNTAX;
  }
  return { kind: 'ok', value };
}
