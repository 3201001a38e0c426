import { DerReader, OID, type Tlv } from '@sallyport/der';
import { never } from '@sallyport/mail';
import {
  CURVES,
  type CurveName,
  KDF_BY_OID,
  OAEP_HASH_BY_OID,
  type OaepHash,
  WRAP_BY_OID,
} from './algorithms.ts';
import {
  type AlgorithmView,
  isAbsentOrNull,
  isReferenceTo,
  LimitError,
  readAlgorithm,
  readCertificateReference,
  readIssuerAndSerial,
  stringValue,
} from './read-parts.ts';
import type {
  CertificateReference,
  CmsCertificate,
  KeyTransportAlgorithm,
  RecipientInfoView,
} from './views.ts';

const KARI = 1;
const ORIGINATOR_KEY = 1;

/** The next RecipientInfo (RFC 5652 section 6.2). */
export function readRecipientInfo(reader: DerReader, maxRecipients: number): RecipientInfoView {
  const tlv = reader.next();
  const inner = reader.inside(tlv);
  if (tlv.tagClass === 'universal' && tlv.tag === 16) return readTransport(inner);
  if (tlv.tagClass === 'context' && tlv.tag === KARI) return readAgreement(inner, maxRecipients);
  return { kind: 'unsupported', type: tlv.tag };
}

// RFC 5652 section 6.2.1
function readTransport(reader: DerReader): RecipientInfoView {
  reader.smallInteger();
  const rid = readCertificateReference(reader);
  const algorithm = readTransportAlgorithm(readAlgorithm(reader));
  const encryptedKey = reader.octetString();
  reader.end();
  return { kind: 'ktri', rid, algorithm, encryptedKey };
}

function readTransportAlgorithm(algorithm: AlgorithmView): KeyTransportAlgorithm {
  const { oid, parameters } = algorithm;
  if (oid === OID.rsaEncryption) return { kind: 'pkcs1v15' };
  const unsupported = { kind: 'unsupported', oid } as const;
  if (oid !== OID.rsaesOaep) return unsupported;
  return (parameters === null ? OAEP_DEFAULTS : readOaep(parameters)) ?? unsupported;
}

const OAEP_DEFAULTS: KeyTransportAlgorithm = {
  kind: 'oaep',
  hash: 'sha1',
  mgf1Hash: 'sha1',
  label: Buffer.alloc(0),
};

// RSAES-OAEP-params (RFC 8017 section A.2.1)
function readOaep(parameters: Tlv): KeyTransportAlgorithm | null {
  const reader = new DerReader(parameters);
  const hash = readHash(reader.optionalExplicit(0));
  const mgf = reader.optionalExplicit(1);
  const mgf1Hash = mgf === null ? 'sha1' : readMgf1(mgf);
  const source = reader.optionalExplicit(2);
  reader.end();
  const label = source === null ? Buffer.alloc(0) : readLabel(source);
  if (hash === null || mgf1Hash === null || label === null) return null;
  return { kind: 'oaep', hash, mgf1Hash, label };
}

function readHash(reader: DerReader | null): OaepHash | null {
  return reader === null ? 'sha1' : (OAEP_HASH_BY_OID.get(readAlgorithm(reader).oid) ?? null);
}

function readMgf1(reader: DerReader): OaepHash | null {
  const { oid, parameters } = readAlgorithm(reader);
  if (oid !== OID.mgf1 || parameters === null) return null;
  return OAEP_HASH_BY_OID.get(new DerReader(parameters).oid()) ?? null;
}

function readLabel(reader: DerReader): Buffer | null {
  const { oid, parameters } = readAlgorithm(reader);
  return oid === OID.pSpecified && parameters?.tag === 4 ? stringValue(parameters) : null;
}

// RFC 5652 section 6.2.2, RFC 5753 section 3.1
function readAgreement(reader: DerReader, maxRecipients: number): RecipientInfoView {
  reader.smallInteger();
  const originator = reader.expect('context', 0);
  const ukm = reader.optionalExplicit(1)?.octetString() ?? null;
  const agreement = readAlgorithm(reader);
  const keys = reader.sequence();
  reader.end();
  const recipients: { rid: CertificateReference; encryptedKey: Buffer }[] = [];
  while (!keys.isAtEnd) {
    if (recipients.length >= maxRecipients) throw new LimitError('too many recipients');
    recipients.push(readEncryptedKey(keys.sequence()));
  }
  const key = readOriginatorKey(reader.inside(originator));
  const kdfHash = KDF_BY_OID.get(agreement.oid);
  const wrap = readWrap(agreement.parameters);
  if (key === null || kdfHash === undefined || wrap === null) {
    return { kind: 'unsupported', type: KARI };
  }
  return { kind: 'kari', ...key, kdf: { hash: kdfHash }, ukm, ...wrap, recipients };
}

function readEncryptedKey(reader: DerReader): { rid: CertificateReference; encryptedKey: Buffer } {
  const keyIdentifier = reader.optional('context', 0);
  // RecipientKeyIdentifier: subjectKeyIdentifier, then date and other, which nobody sends
  const rid: CertificateReference =
    keyIdentifier === null
      ? readIssuerAndSerial(reader.sequence())
      : { kind: 'subjectKeyId', subjectKeyId: reader.inside(keyIdentifier).octetString() };
  const encryptedKey = reader.octetString();
  reader.end();
  return { rid, encryptedKey };
}

// RFC 5753 section 3.1.1: ephemeral-static, so originator MUST be originatorKey
function readOriginatorKey(
  reader: DerReader,
): { curve: CurveName; originatorPublicKey: Buffer } | null {
  const tlv = reader.next();
  reader.end();
  if (tlv.tagClass !== 'context' || tlv.tag !== ORIGINATOR_KEY) return null;
  const inner = reader.inside(tlv);
  const algorithm = readAlgorithm(inner);
  const { bytes, unusedBits } = inner.bitString();
  if (algorithm.oid !== OID.ecPublicKey || unusedBits !== 0) return null;
  const curve = curveOf(algorithm.parameters, bytes);
  return curve === null ? null : { curve, originatorPublicKey: bytes };
}

// Parameters may be absent or NULL; then the curve is the recipient's, and the length tells it.
function curveOf(parameters: Tlv | null, point: Buffer): CurveName | null {
  const names = Object.keys(CURVES) as CurveName[];
  const fitting = names.find((name) => {
    const { fieldBytes } = CURVES[name];
    return point.length === 1 + fieldBytes || point.length === 1 + 2 * fieldBytes;
  });
  if (fitting === undefined || isAbsentOrNull(parameters)) return fitting ?? null;
  if (parameters?.tag !== 6 || parameters.constructed) return null;
  return new DerReader(parameters.bytes).oid() === CURVES[fitting].oid ? fitting : null;
}

function readWrap(parameters: Tlv | null): {
  wrap: NonNullable<ReturnType<typeof WRAP_BY_OID.get>>;
  wrapParameters: 'absent' | 'null';
} | null {
  if (parameters === null || parameters.tag !== 16) return null;
  const algorithm = readAlgorithm(new DerReader(parameters.bytes));
  const wrap = WRAP_BY_OID.get(algorithm.oid);
  if (wrap === undefined || !isAbsentOrNull(algorithm.parameters)) return null;
  return { wrap, wrapParameters: algorithm.parameters === null ? 'absent' : 'null' };
}

/** True if this RecipientInfo holds a key for the certificate. */
export function matchesRecipient(view: RecipientInfoView, certificate: CmsCertificate): boolean {
  return encryptedKeyFor(view, certificate) !== null;
}

/** The encrypted key for the certificate; null if there is none. */
export function encryptedKeyFor(
  view: RecipientInfoView,
  certificate: CmsCertificate,
): Buffer | null {
  switch (view.kind) {
    case 'ktri':
      return isReferenceTo(view.rid, certificate) ? view.encryptedKey : null;
    case 'kari':
      return (
        view.recipients.find((one) => isReferenceTo(one.rid, certificate))?.encryptedKey ?? null
      );
    case 'unsupported':
      return null;
    default:
      return never(view);
  }
}
