import { DerError, oidToString, readAll, readTlv, type Tlv } from '@sallyport/der';

/** DER, not BER: a certificate has one encoding. */
export const STRICT = { strict: true } as const;

/** Bytes that are valid DER but no certificate (RFC 5280 section 4.1). Caught in `parseCertificate`. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

/** Runs a parser of outside bytes; what it throws about the bytes becomes a reason. */
export function attempt<T>(parse: () => T): { value: T } | { reason: string } {
  try {
    return { value: parse() };
  } catch (error) {
    if (error instanceof MalformedError || error instanceof DerError) {
      return { reason: error.message };
    }
    throw error;
  }
}

/** The one TLV that the bytes hold; bytes after it are an error. */
export function whole(bytes: Buffer, what: string): Tlv {
  const tlv = readTlv(bytes, 0, STRICT);
  if (tlv.bytes.length !== bytes.length) throw new MalformedError(`bytes after ${what}`);
  return tlv;
}

/** The members of a constructed value. */
export function members(tlv: Tlv, what: string, max = 1024): Tlv[] {
  if (!tlv.constructed) throw new MalformedError(`${what} is not constructed`);
  const list = readAll(tlv.value, STRICT);
  if (list.length > max) throw new MalformedError(`${what} has more than ${max} members`);
  return list;
}

export const TAG = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  enumerated: 10,
  utf8String: 12,
  sequence: 16,
  set: 17,
  utcTime: 23,
  generalizedTime: 24,
} as const;

export function isUniversal(tlv: Tlv | undefined, tag: number): tlv is Tlv {
  return tlv !== undefined && tlv.tagClass === 'universal' && tlv.tag === tag;
}

function isContext(tlv: Tlv | undefined, tag: number): tlv is Tlv {
  return tlv !== undefined && tlv.tagClass === 'context' && tlv.tag === tag;
}

/** Reads a list of fields from left to right. */
export class Fields {
  readonly #list: readonly Tlv[];
  readonly #what: string;
  #at = 0;

  constructor(list: readonly Tlv[], what: string) {
    this.#list = list;
    this.#what = what;
  }

  peek(): Tlv | undefined {
    return this.#list[this.#at];
  }

  /** The next field if it has this universal tag, else undefined. */
  maybe(tag: number): Tlv | undefined {
    return this.#take(isUniversal(this.peek(), tag));
  }

  /** The next field if it has this context tag, else undefined. */
  context(tag: number): Tlv | undefined {
    return this.#take(isContext(this.peek(), tag));
  }

  need(tag: number, field: string): Tlv {
    const tlv = this.maybe(tag);
    if (tlv === undefined) throw new MalformedError(`${this.#what} lacks ${field}`);
    return tlv;
  }

  /** The next field, whatever it is. */
  any(field: string): Tlv {
    const tlv = this.#take(this.#at < this.#list.length);
    if (tlv === undefined) throw new MalformedError(`${this.#what} lacks ${field}`);
    return tlv;
  }

  end(): void {
    if (this.#at !== this.#list.length) {
      throw new MalformedError(`${this.#what} has a field that does not belong there`);
    }
  }

  #take(wanted: boolean): Tlv | undefined {
    if (!wanted) return undefined;
    const tlv = this.#list[this.#at];
    this.#at += 1;
    return tlv;
  }
}

/** The fields of a SEQUENCE. */
export function sequence(tlv: Tlv, what: string): Fields {
  if (!isUniversal(tlv, TAG.sequence)) throw new MalformedError(`${what} is no SEQUENCE`);
  return new Fields(members(tlv, what), what);
}

/** The fields of the SEQUENCE that is all of the bytes. */
export function wholeSequence(bytes: Buffer, what: string): Fields {
  return sequence(whole(bytes, what), what);
}

export function oidOf(tlv: Tlv, what: string): string {
  if (!isUniversal(tlv, TAG.oid)) throw new MalformedError(`${what} is no OBJECT IDENTIFIER`);
  return oidToString(tlv.value);
}

/** DER booleans are 00 or FF (X.690 section 11.1). */
export function booleanOf(tlv: Tlv, what: string): boolean {
  const [octet] = tlv.value;
  if (tlv.value.length !== 1 || (octet !== 0 && octet !== 0xff)) {
    throw new MalformedError(`${what} is no DER BOOLEAN`);
  }
  return octet === 0xff;
}

/** Content octets of an INTEGER, shortest form (X.690 section 8.3.2). */
export function integerOf(tlv: Tlv, what: string, maxBytes: number): Buffer {
  const { value } = tlv;
  const [first, second] = value;
  const padded =
    second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  if (value.length === 0 || value.length > maxBytes || padded) {
    throw new MalformedError(`${what} is no DER INTEGER of up to ${maxBytes} bytes`);
  }
  return value;
}

/** A small INTEGER that is not negative. */
export function countOf(tlv: Tlv, what: string): number {
  const value = integerOf(tlv, what, 5);
  const number = value.readIntBE(0, value.length);
  if (number < 0) throw new MalformedError(`${what} is negative`);
  return number;
}

/** The octets of a BIT STRING of whole octets. */
export function octetsOfBits(tlv: Tlv, what: string): Buffer {
  if (tlv.constructed || tlv.value.length === 0 || tlv.value[0] !== 0) {
    throw new MalformedError(`${what} is no BIT STRING of whole octets`);
  }
  return tlv.value.subarray(1);
}

/** The numbers of the bits that are set in a named BIT STRING. */
export function namedBits(tlv: Tlv, what: string): Set<number> {
  const unused = tlv.value[0];
  const octets = tlv.value.subarray(1);
  if (tlv.constructed || unused === undefined || unused > 7 || octets.length > 4) {
    throw new MalformedError(`${what} is no short BIT STRING`);
  }
  const bits = new Set<number>();
  for (const [index, octet] of octets.entries()) {
    for (let bit = 0; bit < 8; bit += 1) {
      if ((octet & (0x80 >> bit)) !== 0) bits.add(index * 8 + bit);
    }
  }
  return bits;
}
