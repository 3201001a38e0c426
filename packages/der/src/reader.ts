import {
  DerDepthError,
  DerError,
  MAX_DEPTH,
  type ReadOptions,
  readTlv,
  type TagClass,
  type Tlv,
} from './tlv.ts';
import {
  type BitString,
  decodeBitString,
  decodeBoolean,
  decodeInteger,
  decodeOctetString,
  decodeTime,
  integerContent,
  oidToString,
} from './values.ts';

const TAG = { boolean: 1, integer: 2, bitString: 3, octetString: 4, null: 5, oid: 6 } as const;
const ENUMERATED = 10;
const SEQUENCE = 16;
const SET = 17;

/**
 * Walks the elements of a constructed value in order. Every method throws DerError for what does
 * not fit, so one catch at the caller's border is enough. Readers of inner values count the depth.
 */
export class DerReader {
  readonly #value: Buffer;
  readonly #options: ReadOptions;
  readonly #depth: number;
  #offset = 0;
  #peeked: Tlv | null = null;

  constructor(value: Buffer | Tlv, options: ReadOptions & { readonly depth?: number } = {}) {
    this.#options = options;
    this.#depth = options.depth ?? 0;
    if (this.#depth > MAX_DEPTH) throw new DerDepthError();
    if (!Buffer.isBuffer(value) && !value.constructed) throw new DerError('element is primitive');
    this.#value = Buffer.isBuffer(value) ? value : value.value;
  }

  /** True if nothing is left. */
  get isAtEnd(): boolean {
    return this.#offset >= this.#value.length;
  }

  /** What is left, unread. */
  get rest(): Buffer {
    return this.#value.subarray(this.#offset);
  }

  /** The next element, or null at the end; it stays unread. */
  peek(): Tlv | null {
    if (this.isAtEnd) return null;
    this.#peeked ??= readTlv(this.#value, this.#offset, this.#options);
    return this.#peeked;
  }

  next(): Tlv {
    const tlv = this.peek();
    if (tlv === null) throw new DerError('element is missing');
    this.#offset += tlv.bytes.length;
    this.#peeked = null;
    return tlv;
  }

  /** The next element if it has this tag, else null and nothing is read. */
  optional(tagClass: TagClass, tag: number): Tlv | null {
    const tlv = this.peek();
    return tlv !== null && tlv.tag === tag && tlv.tagClass === tagClass ? this.next() : null;
  }

  /** The next element, which must have this tag. */
  expect(tagClass: TagClass, tag: number): Tlv {
    const tlv = this.next();
    if (tlv.tag !== tag || tlv.tagClass !== tagClass) {
      throw new DerError(`expected ${tagClass} ${tag}, found ${tlv.tagClass} ${tlv.tag}`);
    }
    return tlv;
  }

  /** A reader of the content of an element that was read from this one. */
  inside(tlv: Tlv): DerReader {
    return new DerReader(tlv, { ...this.#options, depth: this.#depth + 1 });
  }

  sequence(): DerReader {
    return this.inside(this.expect('universal', SEQUENCE));
  }

  set(): DerReader {
    return this.inside(this.expect('universal', SET));
  }

  /** The content of `[tag] EXPLICIT`, or null if it is absent. */
  optionalExplicit(tag: number): DerReader | null {
    const tlv = this.optional('context', tag);
    return tlv === null ? null : this.inside(tlv);
  }

  /** Every element that is left. */
  all(maxElements = 100_000): Tlv[] {
    const elements: Tlv[] = [];
    while (!this.isAtEnd) {
      if (elements.length >= maxElements) throw new DerError('too many elements');
      elements.push(this.next());
    }
    return elements;
  }

  integer(): bigint {
    return decodeInteger(this.expect('universal', TAG.integer));
  }

  /** An INTEGER that is a version, a length or a count: 0 to 2^31-1. */
  smallInteger(): number {
    const value = this.integer();
    if (value < 0n || value > 0x7fff_ffffn) throw new DerError('INTEGER is out of range');
    return Number(value);
  }

  /** The content octets of an INTEGER, for a serial number or a modulus. */
  integerBytes(): Buffer {
    return integerContent(this.expect('universal', TAG.integer));
  }

  enumerated(): number {
    const value = decodeInteger(this.expect('universal', ENUMERATED));
    if (value < 0n || value > 0x7fff_ffffn) throw new DerError('ENUMERATED is out of range');
    return Number(value);
  }

  oid(): string {
    const tlv = this.expect('universal', TAG.oid);
    if (tlv.constructed) throw new DerError('bad OID');
    return oidToString(tlv.value);
  }

  octetString(): Buffer {
    return decodeOctetString(this.expect('universal', TAG.octetString), this.#options);
  }

  bitString(): BitString {
    return decodeBitString(this.expect('universal', TAG.bitString), this.#options);
  }

  boolean(): boolean {
    return decodeBoolean(this.expect('universal', TAG.boolean), this.#options);
  }

  null(): void {
    if (this.expect('universal', TAG.null).value.length > 0) throw new DerError('bad NULL');
  }

  /** UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5). */
  time(): Date {
    return decodeTime(this.next(), this.#options);
  }

  utcTime(): Date {
    return decodeTime(this.expect('universal', 23), this.#options);
  }

  generalizedTime(): Date {
    return decodeTime(this.expect('universal', 24), this.#options);
  }

  /** Checks that nothing is left. */
  end(): void {
    if (!this.isAtEnd) throw new DerError('unexpected element');
  }
}
