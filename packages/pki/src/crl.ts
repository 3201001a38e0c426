import { createHash } from 'node:crypto';
import { decodeTime, type Tlv } from '@sallyport/der';
import { type AlgorithmIdentifier, parseAlgorithm } from './algorithms.ts';
import {
  attempt,
  booleanOf,
  type Fields,
  integerOf,
  isUniversal,
  MalformedError,
  octetsOfBits,
  STRICT,
  sequence,
  TAG,
  whole,
  wholeSequence,
} from './asn1.ts';
import { CrlEntries, type CrlEntry } from './crl-entries.ts';
import { type DistinguishedName, parseName } from './distinguished-name.ts';
import {
  ALL_REASONS,
  type PointName,
  parsePointName,
  parseReasons,
} from './distribution-points.ts';
import { parseAuthorityKeyId, parseExtensionList, type RawExtension } from './extensions.ts';
import { PKIX } from './oids.ts';

/** A longer list is refused unread: the entries are walked through once when it is parsed. */
export const MAX_CRL_BYTES = 16 * 1024 * 1024;
const MAX_NUMBER_BYTES = 20; // RFC 5280 section 5.2.3

/** RFC 5280 section 5.2.5. */
interface IssuingDistributionPoint {
  readonly der: Buffer;
  readonly name: PointName | null;
  readonly onlyUserCertificates: boolean;
  readonly onlyCaCertificates: boolean;
  readonly onlyAttributeCertificates: boolean;
  readonly reasons: number;
  readonly isIndirect: boolean;
}

/** A CRL that has been read and nothing more: nobody has vouched for a word of it (RFC 5280 section 5.1). */
export interface Crl {
  readonly der: Buffer;
  readonly tbs: Buffer;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Buffer;
  readonly issuerName: DistinguishedName;
  readonly thisUpdate: Date;
  /** RFC 5280 section 5.1.2.5 demands it; a list without it never counts. */
  readonly nextUpdate: Date | null;
  readonly authorityKeyId: Buffer | null;
  readonly number: bigint | null;
  /** Of a delta CRL: the number of the complete CRL that it continues. */
  readonly baseNumber: bigint | null;
  readonly distributionPoint: IssuingDistributionPoint | null;
  /** A critical extension that is not processed: the list must not be used (RFC 5280 section 5.2). */
  readonly unusable: string | null;
  /** SHA-256 of `der`, hexadecimal. */
  readonly fingerprint: string;
  /** The entry of a certificate, by its issuer's name key and its serial number. */
  find(issuerKey: string, serial: Buffer): CrlEntry | null;
}

export type ParsedCrl =
  | { readonly kind: 'crl'; readonly value: Crl }
  | { readonly kind: 'malformed'; readonly reason: string };

const ACTED_ON: ReadonlySet<string> = new Set<string>([
  PKIX.authorityKeyIdentifier,
  PKIX.issuerAltName,
  PKIX.crlNumber,
  PKIX.deltaCrlIndicator,
  PKIX.issuingDistributionPoint,
  PKIX.freshestCrl,
]);

function parseNumber(value: Buffer): bigint {
  const tlv = whole(value, 'CRL number');
  if (!isUniversal(tlv, TAG.integer)) throw new MalformedError('CRL number is no INTEGER');
  const octets = integerOf(tlv, 'CRL number', MAX_NUMBER_BYTES + 1);
  if ((octets[0] ?? 0) >= 0x80) throw new MalformedError('CRL number is negative');
  return BigInt(`0x${octets.toString('hex')}`);
}

function flag(fields: Fields, tag: number): boolean {
  const tlv = fields.context(tag);
  return tlv !== undefined && booleanOf(tlv, 'a flag of the distribution point');
}

function parseIssuingPoint(value: Buffer): IssuingDistributionPoint {
  const fields = wholeSequence(value, 'issuingDistributionPoint');
  const name = fields.context(0);
  const onlyUserCertificates = flag(fields, 1);
  const onlyCaCertificates = flag(fields, 2);
  const reasons = fields.context(3);
  const isIndirect = flag(fields, 4);
  const onlyAttributeCertificates = flag(fields, 5);
  fields.end();
  const kinds = [onlyUserCertificates, onlyCaCertificates, onlyAttributeCertificates];
  if (kinds.filter(Boolean).length > 1) {
    throw new MalformedError('issuingDistributionPoint is for several kinds of certificates alone');
  }
  return {
    der: value,
    name: name === undefined ? null : parsePointName(name),
    onlyUserCertificates,
    onlyCaCertificates,
    onlyAttributeCertificates,
    reasons: reasons === undefined ? ALL_REASONS : parseReasons(reasons),
    isIndirect,
  };
}

interface Tbs {
  readonly algorithm: AlgorithmIdentifier;
  readonly issuerName: DistinguishedName;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | null;
  readonly entries: Buffer;
  readonly extensions: ReadonlyMap<string, RawExtension>;
}

function isTime(tlv: Tlv | undefined): boolean {
  return isUniversal(tlv, TAG.utcTime) || isUniversal(tlv, TAG.generalizedTime);
}

function parseTbs(tlv: Tlv): Tbs {
  const fields = sequence(tlv, 'TBSCertList');
  const version = fields.maybe(TAG.integer);
  if (version !== undefined && (version.value.length !== 1 || version.value[0] !== 1)) {
    throw new MalformedError('CRL version is not 2');
  }
  const algorithm = parseAlgorithm(fields.need(TAG.sequence, 'signature'), 'signature algorithm');
  const issuerName = parseName(fields.need(TAG.sequence, 'issuer'));
  const thisUpdate = decodeTime(fields.any('thisUpdate'), STRICT);
  const nextUpdate = isTime(fields.peek()) ? decodeTime(fields.any('nextUpdate'), STRICT) : null;
  const entries = fields.maybe(TAG.sequence)?.value ?? Buffer.alloc(0);
  const wrapper = fields.context(0);
  fields.end();
  if (wrapper !== undefined && version === undefined) {
    throw new MalformedError('CRL extensions need version 2');
  }
  const extensions =
    wrapper === undefined
      ? new Map<string, RawExtension>()
      : parseExtensionList(whole(wrapper.value, 'CRL extensions'));
  return { algorithm, issuerName, thisUpdate, nextUpdate, entries, extensions };
}

function parse(der: Buffer): Crl {
  const outer = wholeSequence(der, 'CRL');
  const tbs = outer.need(TAG.sequence, 'TBSCertList');
  const algorithmTlv = outer.need(TAG.sequence, 'signatureAlgorithm');
  const signatureAlgorithm = parseAlgorithm(algorithmTlv, 'signature algorithm');
  const signature = octetsOfBits(outer.need(TAG.bitString, 'signature'), 'signature');
  outer.end();
  const fields = parseTbs(tbs);
  // RFC 5280 section 5.1.1.2.
  if (!fields.algorithm.der.equals(signatureAlgorithm.der)) {
    throw new MalformedError('the two signature algorithm fields differ');
  }
  const { extensions, issuerName, thisUpdate, nextUpdate } = fields;
  const read = <T>(oid: string, parser: (value: Buffer) => T): T | null => {
    const extension = extensions.get(oid);
    return extension === undefined ? null : parser(extension.value);
  };
  const distributionPoint = read(PKIX.issuingDistributionPoint, parseIssuingPoint);
  const isIndirect = distributionPoint?.isIndirect === true;
  const entries = new CrlEntries(fields.entries, issuerName.key, isIndirect);
  const unknown = [...extensions.values()].find(
    ({ oid, critical }) => critical && !ACTED_ON.has(oid),
  );
  return {
    der,
    tbs: tbs.bytes,
    signatureAlgorithm,
    signature,
    issuerName,
    thisUpdate,
    nextUpdate,
    authorityKeyId: read(PKIX.authorityKeyIdentifier, parseAuthorityKeyId),
    number: read(PKIX.crlNumber, parseNumber),
    baseNumber: read(PKIX.deltaCrlIndicator, parseNumber),
    distributionPoint,
    unusable:
      unknown === undefined ? entries.unusable : `it has the critical extension ${unknown.oid}`,
    fingerprint: createHash('sha256').update(der).digest('hex'),
    find: (issuerKey, serial) => entries.find(issuerKey, serial),
  };
}

/** Parses one DER CRL (RFC 5280 section 5.1); bytes after it are an error. Never throws for bytes. */
export function parseCrl(der: Buffer): ParsedCrl {
  if (der.length > MAX_CRL_BYTES) {
    return { kind: 'malformed', reason: `longer than ${MAX_CRL_BYTES} bytes` };
  }
  const result = attempt(() => parse(Buffer.from(der)));
  return 'reason' in result
    ? { kind: 'malformed', reason: result.reason }
    : { kind: 'crl', value: result.value };
}
