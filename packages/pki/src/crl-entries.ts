import { decodeTime, readTlv, type Tlv } from '@sallyport/der';
import { attempt, integerOf, isUniversal, MalformedError, STRICT, TAG, whole } from './asn1.ts';

import { parseExtensionList } from './extensions.ts';
import { generalNamesIn } from './general-names.ts';
import { PKIX } from './oids.ts';

/** RFC 5280 section 5.3.1 CRLReason, by number; 7 is not used. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'reason 7',
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

export type RevocationReason = (typeof REASONS)[number];

/** CRLReason as its number. */
export function reasonNumber(reason: RevocationReason): number {
  return REASONS.indexOf(reason);
}

/** CRLReason from the content octets of its ENUMERATED. */
export function reasonOf(tlv: Tlv): RevocationReason {
  const [octet = -1] = tlv.value;
  const reason = REASONS[octet];
  if (tlv.value.length !== 1 || tlv.constructed || reason === undefined) {
    throw new MalformedError('a CRL reason is unknown');
  }
  return reason;
}

/** One revoked certificate (RFC 5280 section 5.3). */
export interface CrlEntry {
  readonly revokedAt: Date;
  readonly reason: RevocationReason;
}

interface RawEntry {
  readonly serial: Buffer;
  readonly date: Tlv;
  readonly reason: RevocationReason;
  /** Key of the name in certificateIssuer; null if the entry has none. */
  readonly issuerKey: string | null;
  /** A critical extension that is not processed. */
  readonly unknown: string | null;
}

const PLAIN = { reason: 'unspecified', issuerKey: null, unknown: null } as const;
/** `SEQUENCE { SEQUENCE { reasonCode, OCTET STRING { ENUMERATED` as nearly all entries have it. */
const REASON_ALONE = Buffer.from('300c300a0603551d1504030a01', 'hex');
const MAX_SERIAL_BYTES = 64;
const UTC_TIME_BYTES = 13;

const ACTED_ON: ReadonlySet<string> = new Set<string>([
  PKIX.reasonCode,
  PKIX.invalidityDate,
  PKIX.certificateIssuer,
]);

function parseEntryExtensions(tlv: Tlv): Pick<RawEntry, 'reason' | 'issuerKey' | 'unknown'> {
  const { bytes } = tlv;
  if (bytes.length === REASON_ALONE.length + 1 && bytes.indexOf(REASON_ALONE) === 0) {
    const reason = REASONS[bytes.at(-1) ?? 0];
    if (reason === undefined) throw new MalformedError('a CRL reason is unknown');
    return { ...PLAIN, reason };
  }
  const list = parseExtensionList(tlv);
  const code = list.get(PKIX.reasonCode);
  const issuer = list.get(PKIX.certificateIssuer);
  const unknown = [...list.values()].find(({ oid, critical }) => critical && !ACTED_ON.has(oid));
  return {
    reason: code === undefined ? 'unspecified' : parseReasonCode(code.value),
    issuerKey: issuer === undefined ? null : parseCertificateIssuer(issuer.value),
    unknown: unknown?.oid ?? null,
  };
}

function parseReasonCode(value: Buffer): RevocationReason {
  const tlv = whole(value, 'reasonCode');
  if (!isUniversal(tlv, TAG.enumerated)) throw new MalformedError('reasonCode is no ENUMERATED');
  return reasonOf(tlv);
}

/** RFC 5280 section 5.3.3: a distinguished name; another form is the name of no certificate. */
function parseCertificateIssuer(value: Buffer): string {
  const names = generalNamesIn(whole(value, 'certificateIssuer'), 'certificateIssuer');
  return names.flatMap((name) => (name.kind === 'directory' ? [name.name.key] : []))[0] ?? '';
}

function parseEntry(tlv: Tlv): RawEntry {
  if (!isUniversal(tlv, TAG.sequence)) throw new MalformedError('a CRL entry is no SEQUENCE');
  const { value } = tlv;
  const serial = readTlv(value, 0, STRICT);
  if (!isUniversal(serial, TAG.integer)) {
    throw new MalformedError('a CRL entry lacks its serial number');
  }
  integerOf(serial, 'the serial number of a CRL entry', MAX_SERIAL_BYTES);
  const date = readTlv(value, serial.bytes.length, STRICT);
  const end = serial.bytes.length + date.bytes.length;
  if (end === value.length) return { serial: serial.value, date, ...PLAIN };
  const extensions = readTlv(value, end, STRICT);
  if (end + extensions.bytes.length !== value.length) {
    throw new MalformedError('a CRL entry has a field that does not belong there');
  }
  return { serial: serial.value, date, ...parseEntryExtensions(extensions) };
}

function isPadding(octet: number): boolean {
  return octet === 0 || octet === 0xff;
}

/**
 * The end of an entry in the form that nearly all have, or -1: a short SEQUENCE of serial, UTCTime
 * and at most the reason. Half a million of them are passed in the time that ten thousand take to
 * be read one by one.
 */
function endOfPlainEntry(bytes: Buffer, at: number): number {
  const length = bytes[at + 1] ?? 0x80;
  const serialLength = bytes[at + 3] ?? 0;
  const end = at + 2 + length;
  if (bytes[at] !== 0x30 || length >= 0x80 || bytes[at + 2] !== TAG.integer) return -1;
  if (serialLength === 0 || serialLength > MAX_SERIAL_BYTES || end > bytes.length) return -1;
  // A padded serial would match no certificate: it is read, and refused, below.
  if (serialLength > 1 && isPadding(bytes[at + 4] ?? 0)) return -1;
  const date = at + 4 + serialLength;
  const afterDate = date + 2 + UTC_TIME_BYTES;
  if (bytes[date] !== TAG.utcTime || bytes[date + 1] !== UTC_TIME_BYTES) return -1;
  if (end === afterDate) return end;
  const isReasonAlone =
    end === afterDate + REASON_ALONE.length + 1 &&
    REASON_ALONE.compare(bytes, afterDate, end - 1) === 0 &&
    (bytes[end - 1] ?? 0xff) < REASONS.length;
  return isReasonAlone ? end : -1;
}

/**
 * revokedCertificates, kept as bytes: lists grow to many megabytes, and most certificates stand on
 * none of them.
 */
export class CrlEntries {
  readonly #bytes: Buffer;
  readonly #crlIssuerKey: string;
  readonly #isIndirect: boolean;
  /** Why the list must not be used (RFC 5280 section 5.3), or null. */
  readonly unusable: string | null;

  /** @throws MalformedError or DerError if an entry is malformed. */
  constructor(bytes: Buffer, crlIssuerKey: string, isIndirect: boolean) {
    this.#bytes = bytes;
    this.#crlIssuerKey = crlIssuerKey;
    this.#isIndirect = isIndirect;
    let unusable: string | null = null;
    for (let at = 0; at < bytes.length; ) {
      const end = endOfPlainEntry(bytes, at);
      if (end !== -1) {
        at = end;
        continue;
      }
      const tlv = readTlv(bytes, at, STRICT);
      at += tlv.bytes.length;
      const { unknown, issuerKey } = parseEntry(tlv);
      if (unknown !== null) unusable = `an entry has the critical extension ${unknown}`;
      if (issuerKey !== null && !isIndirect) {
        unusable = 'an entry is of another issuer, but the list is not indirect';
      }
    }
    this.unusable = unusable;
  }

  find(issuerKey: string, serial: Buffer): CrlEntry | null {
    if (!this.#isIndirect && issuerKey !== this.#crlIssuerKey) return null;
    // The serial's octets stand nowhere: the common case, found at the speed of memory.
    if (this.#bytes.indexOf(serial) === -1) return null;
    let current = this.#crlIssuerKey;
    for (let at = 0; at < this.#bytes.length; ) {
      const end = endOfPlainEntry(this.#bytes, at);
      const isOther = end !== -1 && !isSerialAt(this.#bytes, at + 2, serial);
      if (isOther) {
        at = end;
        continue;
      }
      const tlv = readTlv(this.#bytes, at, STRICT);
      at += tlv.bytes.length;
      const entry = parseEntry(tlv);
      // RFC 5280 section 5.3.3: an entry without the extension has the issuer of the one before it.
      current = entry.issuerKey ?? current;
      if (current !== issuerKey || !entry.serial.equals(serial)) continue;
      const date = attempt(() => decodeTime(entry.date, STRICT));
      // A time that cannot be read makes nobody less revoked.
      return { revokedAt: 'value' in date ? date.value : new Date(0), reason: entry.reason };
    }
    return null;
  }
}

/** Whether the short INTEGER at `at` has these content octets. */
function isSerialAt(bytes: Buffer, at: number, serial: Buffer): boolean {
  return (
    bytes[at + 1] === serial.length && serial.compare(bytes, at + 2, at + 2 + serial.length) === 0
  );
}
