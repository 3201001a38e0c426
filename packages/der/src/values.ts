import { DerError, octetStringContent, type ReadOptions, type Tlv } from './tlv.ts';

const MAX_OID_OCTETS = 128;
const MAX_INTEGER_OCTETS = 4096; // 32,768 bits; asn1js needs a second for a megabyte

/**
 * Dotted form of an OBJECT IDENTIFIER's content octets (X.690 section 8.19).
 *
 * @throws DerError if it is empty, cut off, padded or too long.
 */
export function oidToString(content: Buffer): string {
  if (content.length === 0 || content.length > MAX_OID_OCTETS) throw new DerError('bad OID length');
  const name = content.toString('latin1');
  const known = dottedForms.get(name);
  if (known !== undefined) return known;
  const dotted = decodeOid(content);
  if (dottedForms.size >= MAX_KNOWN_OIDS) dottedForms.clear();
  dottedForms.set(name, dotted);
  return dotted;
}

const MAX_KNOWN_OIDS = 512;
/** A message names thirty OIDs, and the next one names the same. */
const dottedForms = new Map<string, string>();

function decodeOid(content: Buffer): string {
  const arcs: (number | bigint)[] = [];
  let arc: number | bigint = 0;
  let isStart = true;
  for (const part of content) {
    if (isStart && part === 0x80) throw new DerError('OID arc is padded');
    arc = pushSeven(arc, part & 0x7f);
    isStart = (part & 0x80) === 0;
    if (isStart) {
      arcs.push(arc);
      arc = 0;
    }
  }
  if (!isStart) throw new DerError('OID ends inside an arc');
  const first = arcs[0] ?? 0;
  const root = first < 40 ? 0 : first < 80 ? 1 : 2;
  arcs[0] = typeof first === 'bigint' ? first - BigInt(root * 40) : first - root * 40;
  return `${root}.${arcs.join('.')}`;
}

function pushSeven(arc: number | bigint, part: number): number | bigint {
  if (typeof arc === 'number' && arc < 2 ** 45) return arc * 128 + part;
  return BigInt(arc) * 128n + BigInt(part);
}

/**
 * Content octets of an OBJECT IDENTIFIER.
 *
 * @throws RangeError if the text is no dotted OID.
 */
export function oidContent(text: string): Buffer {
  if (!/^[0-2](\.(0|[1-9]\d*))+$/.test(text) || text.length > 4 * MAX_OID_OCTETS) {
    throw new RangeError(`not an OID: ${text}`);
  }
  const [root = 0n, second = 0n, ...rest] = text.split('.').map(BigInt);
  if (root < 2n && second > 39n) throw new RangeError(`not an OID: ${text}`);
  const octets: number[] = [];
  for (let arc of [root * 40n + second, ...rest]) {
    const parts = [Number(arc & 0x7fn)];
    for (arc >>= 7n; arc > 0n; arc >>= 7n) parts.unshift(Number(arc & 0x7fn) | 0x80);
    octets.push(...parts);
  }
  return Buffer.from(octets);
}

/**
 * The content octets of an INTEGER, checked to be of the one minimal form (X.690 section 8.3.2).
 *
 * @throws DerError if it is empty, padded or too long.
 */
export function integerContent(tlv: Tlv): Buffer {
  const { value } = tlv;
  const [first, second] = value;
  if (tlv.constructed || first === undefined) throw new DerError('INTEGER without content');
  if (value.length > MAX_INTEGER_OCTETS) throw new DerError('INTEGER is too long');
  if (second !== undefined) {
    const isPadded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80);
    if (isPadded) throw new DerError('INTEGER is padded');
  }
  return value;
}

/** The number in an INTEGER or ENUMERATED. @throws DerError if it is malformed. */
export function decodeInteger(tlv: Tlv): bigint {
  const content = integerContent(tlv);
  const magnitude = BigInt(`0x${content.toString('hex')}`);
  const isNegative = ((content[0] ?? 0) & 0x80) !== 0;
  return isNegative ? magnitude - (1n << BigInt(content.length * 8)) : magnitude;
}

/** The value of a BOOLEAN. @throws DerError if it is malformed; DER knows only 00 and FF. */
export function decodeBoolean(tlv: Tlv, options: ReadOptions = {}): boolean {
  const [octet] = tlv.value;
  if (tlv.constructed || tlv.value.length !== 1 || octet === undefined) {
    throw new DerError('bad BOOLEAN');
  }
  if (options.strict === true && octet !== 0 && octet !== 0xff) throw new DerError('bad BOOLEAN');
  return octet !== 0;
}

/** The whole content of an OCTET STRING; joined only if it came in pieces. */
export function decodeOctetString(tlv: Tlv, options: ReadOptions = {}): Buffer {
  if (!tlv.constructed) return tlv.value;
  if (options.strict === true) throw new DerError('constructed OCTET STRING where DER is required');
  return Buffer.concat(octetStringContent(tlv));
}

/** A BIT STRING: its octets, and how many low bits of the last one do not count. */
export interface BitString {
  readonly bytes: Buffer;
  readonly unusedBits: number;
}

/**
 * Decodes a primitive BIT STRING (X.690 section 8.6). No sender of certificates or CMS cuts one in pieces.
 *
 * @throws DerError if it is malformed or constructed.
 */
export function decodeBitString(tlv: Tlv, options: ReadOptions = {}): BitString {
  const [unusedBits] = tlv.value;
  if (tlv.constructed || unusedBits === undefined || unusedBits > 7) {
    throw new DerError('bad BIT STRING');
  }
  const bytes = tlv.value.subarray(1);
  const last = bytes.at(-1);
  if (last === undefined && unusedBits > 0) throw new DerError('bad BIT STRING');
  if (options.strict === true && last !== undefined && (last & ((1 << unusedBits) - 1)) !== 0) {
    throw new DerError('unused bits are set'); // X.690 section 11.2.1
  }
  return { bytes, unusedBits };
}

const UTC_TIME = 23;
const GENERALIZED_TIME = 24;
const UTC_FORM = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(Z|[+-]\d{4})$/;
const GENERALIZED_FORM = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d{1,9})?(Z|[+-]\d{4})$/;
const STRICT_UTC = /^\d{12}Z$/;
const STRICT_GENERALIZED = /^\d{14}Z$/;

/**
 * The moment in a UTCTime or GeneralizedTime; two-digit years as RFC 5280 section 4.1.2.5.1 says.
 *
 * @throws DerError if it is neither, or no real date.
 */
export function decodeTime(tlv: Tlv, options: ReadOptions = {}): Date {
  const isUniversal = tlv.tagClass === 'universal' && !tlv.constructed && tlv.value.length <= 32;
  if (isUniversal && tlv.tag === UTC_TIME) return parseTime(tlv.value, UTC_FORM, options);
  if (isUniversal && tlv.tag === GENERALIZED_TIME) {
    return parseTime(tlv.value, GENERALIZED_FORM, options);
  }
  throw new DerError('bad time');
}

function parseTime(value: Buffer, form: RegExp, options: ReadOptions): Date {
  const text = value.toString('latin1');
  const isShortYear = form === UTC_FORM;
  if (options.strict === true && !(isShortYear ? STRICT_UTC : STRICT_GENERALIZED).test(text)) {
    throw new DerError('time is not in the form of RFC 5280');
  }
  const match = form.exec(text);
  if (match === null) throw new DerError('bad time');
  const [yearText, month, day, hour, minute] = match.slice(1, 6);
  const year = Number(yearText) + (isShortYear ? (Number(yearText) < 50 ? 2000 : 1900) : 0);
  const local = new Date(0);
  local.setUTCFullYear(year, Number(month) - 1, Number(day));
  local.setUTCHours(Number(hour), Number(minute), Number(match[6] ?? '00'));
  // Date turns 31 February into 3 March and 24:00 into the next day; a time that is not there is refused.
  const isThere =
    local.getUTCMonth() === Number(month) - 1 &&
    local.getUTCDate() === Number(day) &&
    local.getUTCHours() === Number(hour) &&
    local.getUTCMinutes() === Number(minute) &&
    local.getUTCSeconds() === Number(match[6] ?? '00');
  if (!isThere) throw new DerError('no such date');
  return new Date(local.getTime() - offsetMs(match[7] ?? 'Z'));
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3, 5));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}
