import { DerReader, OID, type Tlv } from '@sallyport/der';
import { never } from '@sallyport/mail';
import {
  CURVES,
  type CurveName,
  curveByOid,
  HKDF_BY_OID,
  type HkdfHash,
  KDF_BY_OID,
  kemByOid,
  WRAP_BY_OID,
  WRAPS,
  type WrapName,
} from './algorithms-keys.ts';
import { OAEP_DEFAULTS, readOaep } from './read-oaep.ts';
import {
  type AlgorithmView,
  isAbsentOrNull,
  isReferenceTo,
  LimitError,
  readAlgorithm,
  readCertificateReference,
  readIssuerAndSerial,
} from './read-parts.ts';
import type {
  CertificateReference,
  CmsCertificate,
  KeyTransportAlgorithm,
  RecipientInfoView,
  RecipientKey,
} from './views.ts';

const KARI = 1;
const ORI = 4;
const ORIGINATOR_KEY = 1;
/** Longer is sent by nobody, and the keyholder would not listen to it. */
const MAX_UKM_BYTES = 1_024;
const MAX_LABEL_BYTES = 1_024;
const MAX_ENCRYPTED_KEY_BYTES = 4 * 1024;
const MAX_CIPHERTEXT_BYTES = 2 * 1024;

/** How many more recipients an object may name. */
export interface RecipientBudget {
  left: number;
}

function takeOne(budget: RecipientBudget): void {
  if (budget.left <= 0) throw new LimitError('too many recipients', 'too-many-recipient-infos');
  budget.left -= 1;
}

/** The next RecipientInfo (RFC 5652 section 6.2). Each recipient of a key agreement counts. */
export function readRecipientInfo(reader: DerReader, budget: RecipientBudget): RecipientInfoView {
  takeOne(budget);
  const tlv = reader.next();
  const inner = reader.inside(tlv);
  if (tlv.tagClass === 'universal' && tlv.tag === 16) return readTransport(inner);
  if (tlv.tagClass === 'context' && tlv.tag === KARI) return readAgreement(inner, budget);
  if (tlv.tagClass === 'context' && tlv.tag === ORI) return readOther(inner);
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
  const oaep = parameters === null ? OAEP_DEFAULTS : readOaep(parameters);
  return oaep === null ? unsupported : { kind: 'oaep', ...oaep };
}

// RFC 5652 section 6.2.2, RFC 5753 section 3.1, RFC 8418 section 3.2
function readAgreement(reader: DerReader, budget: RecipientBudget): RecipientInfoView {
  reader.smallInteger();
  const originator = reader.expect('context', 0);
  const ukm = reader.optionalExplicit(1)?.octetString() ?? null;
  const agreement = readAlgorithm(reader);
  const keys = reader.sequence();
  reader.end();
  const recipients: { rid: CertificateReference; encryptedKey: Buffer }[] = [];
  while (!keys.isAtEnd) {
    if (recipients.length > 0) takeOne(budget);
    recipients.push(readEncryptedKey(keys.sequence()));
  }
  const key = readOriginatorKey(reader.inside(originator));
  const kdf = KDF_BY_OID.get(agreement.oid);
  const wrap = agreement.parameters === null ? null : readWrap(agreement.parameters);
  if (key === null || kdf === undefined || wrap === null) {
    return { kind: 'unsupported', type: KARI };
  }
  return { kind: 'kari', ...key, kdf, ukm, ...wrap, recipients };
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
  if (unusedBits !== 0) return null;
  const curve = curveOf(algorithm, bytes);
  return curve === null ? null : { curve, originatorPublicKey: bytes };
}

// Parameters may be absent or NULL; then the curve is the recipient's, and the length tells it.
function curveOf({ oid, parameters }: AlgorithmView, publicKey: Buffer): CurveName | null {
  const keyOid = (name: CurveName): string => (name === 'x25519' ? OID.x25519 : OID.ecPublicKey);
  const names = Object.keys(CURVES) as CurveName[];
  const fits = (name: CurveName): boolean =>
    keyOid(name) === oid && CURVES[name].publicKeyBytes.includes(publicKey.length);
  const fitting = names.find(fits) ?? null;
  if (fitting === null || isAbsentOrNull(parameters)) return fitting;
  if (oid === OID.x25519 || parameters?.tag !== 6 || parameters.constructed) return null;
  return curveByOid(new DerReader(parameters.bytes).oid()) === fitting ? fitting : null;
}

interface WrapFields {
  readonly wrap: WrapName;
  readonly wrapParameters: 'absent' | 'null';
}

function readWrap(parameters: Tlv): WrapFields | null {
  if (parameters.tag !== 16) return null;
  return wrapOf(readAlgorithm(new DerReader(parameters.bytes)));
}

function wrapOf(algorithm: AlgorithmView): WrapFields | null {
  const wrap = WRAP_BY_OID.get(algorithm.oid);
  if (wrap === undefined || !isAbsentOrNull(algorithm.parameters)) return null;
  return { wrap, wrapParameters: algorithm.parameters === null ? 'absent' : 'null' };
}

/** OtherRecipientInfo (RFC 5652 section 6.2.5); of any other type than a KEM's nothing is read. */
function readOther(reader: DerReader): RecipientInfoView {
  const unsupported = { kind: 'unsupported', type: ORI } as const;
  if (reader.oid() !== OID.oriKem) return unsupported;
  const kem = reader.sequence();
  reader.end();
  return readKem(kem) ?? unsupported;
}

// RFC 9629 section 3. What is not known here must not stop another entry from being used.
function readKem(reader: DerReader): RecipientInfoView | null {
  const version = reader.smallInteger();
  const rid = readCertificateReference(reader);
  const set = kemOf(readAlgorithm(reader));
  const ciphertext = reader.octetString();
  const hash = hkdfOf(readAlgorithm(reader));
  const kekLength = reader.smallInteger();
  const ukm = reader.optionalExplicit(0)?.octetString() ?? null;
  const wrap = wrapOf(readAlgorithm(reader));
  const encryptedKey = reader.octetString();
  reader.end();
  if (version !== 0 || set === null || hash === null || wrap === null) return null;
  if (kekLength !== WRAPS[wrap.wrap].keyBytes) return null;
  return { kind: 'kemri', rid, set, ciphertext, kdf: { hash }, ukm, ...wrap, encryptedKey };
}

/** RFC 9936 section 2: parameters are absent, for the KEM and for its KDF. */
function kemOf({ oid, parameters }: AlgorithmView): ReturnType<typeof kemByOid> {
  return parameters === null ? kemByOid(oid) : null;
}

function hkdfOf({ oid, parameters }: AlgorithmView): HkdfHash | null {
  return parameters === null ? (HKDF_BY_OID.get(oid) ?? null) : null;
}

/** True if this RecipientInfo holds a key for the certificate. */
export function matchesRecipient(view: RecipientInfoView, certificate: CmsCertificate): boolean {
  switch (view.kind) {
    case 'ktri':
    case 'kemri':
      return isReferenceTo(view.rid, certificate);
    case 'kari':
      return view.recipients.some((one) => isReferenceTo(one.rid, certificate));
    case 'unsupported':
      return false;
    default:
      return never(view);
  }
}

/** What the certificate's key needs to open its encrypted key; null if there is none that we can open. */
export function recipientKeyFor(
  view: RecipientInfoView,
  certificate: CmsCertificate,
): RecipientKey | null {
  const key = matchesRecipient(view, certificate) ? recipientKeyOf(view, certificate) : null;
  return key !== null && isBounded(key) ? key : null;
}

function recipientKeyOf(view: RecipientInfoView, certificate: CmsCertificate): RecipientKey | null {
  switch (view.kind) {
    case 'ktri': {
      const { algorithm, encryptedKey } = view;
      return algorithm.kind === 'unsupported' ? null : { kind: 'ktri', algorithm, encryptedKey };
    }
    case 'kari': {
      const { recipients, ...facts } = view;
      const mine = recipients.find((one) => isReferenceTo(one.rid, certificate));
      return mine === undefined ? null : { ...facts, encryptedKey: mine.encryptedKey };
    }
    case 'kemri': {
      const { rid: _rid, ...facts } = view;
      return { ...facts, kind: 'kem' };
    }
    case 'unsupported':
      return null;
    default:
      return never(view);
  }
}

function isBounded(key: RecipientKey): boolean {
  if (key.encryptedKey.length > MAX_ENCRYPTED_KEY_BYTES) return false;
  if (key.kind === 'ktri') {
    return key.algorithm.kind !== 'oaep' || key.algorithm.label.length <= MAX_LABEL_BYTES;
  }
  if ((key.ukm?.length ?? 0) > MAX_UKM_BYTES) return false;
  return key.kind !== 'kem' || key.ciphertext.length <= MAX_CIPHERTEXT_BYTES;
}
