import { DerError, DerReader, decodeTime, OID, readOnly } from '@sallyport/der';
import { digestByOid } from './algorithms.ts';
import { readCapabilities, readKeyPreference } from './capabilities.ts';
import { LimitError, readAlgorithm } from './read-parts.ts';
import type { SignerInfoView, SigningCertificateView } from './views.ts';

const MAX_ATTRIBUTES = 64;
const MAX_VALUES = 64;
const MAX_SIGNATURE_TYPES = 16;

/** One instance with one value: RFC 5652 section 11, RFC 2634, RFC 5035, RFC 8551 section 2.5, RFC 3183 section 3.1.2. */
const SINGLE_VALUED: ReadonlySet<string> = new Set([
  OID.contentType,
  OID.messageDigest,
  OID.signingTime,
  OID.smimeCapabilities,
  OID.signatureType,
  OID.signingCertificate,
  OID.signingCertificateV2,
  OID.encryptionKeyPreference,
  OID.securityLabel,
  OID.mlExpansionHistory,
  OID.receiptRequest,
  OID.equivalentLabels,
  OID.contentHint,
  OID.contentIdentifier,
  OID.contentReference,
  OID.msgSigDigest,
  OID.cmsAlgorithmProtection,
]);

const ALWAYS_SIGNED: ReadonlySet<string> = new Set([
  OID.contentType,
  OID.messageDigest,
  OID.signingTime,
  OID.signatureType,
  OID.signingCertificate,
  OID.signingCertificateV2,
]);

type AttributeFields = Pick<
  SignerInfoView,
  | 'attributes'
  | 'duplicateAttributes'
  | 'malformedAttributes'
  | 'signingTime'
  | 'signatureTypes'
  | 'signingCertificate'
  | 'signingCertificateV2'
  | 'capabilities'
  | 'encryptionKeyPreference'
>;

/** The signed attributes by OID, the known ones decoded. A value that cannot be read is reported, not thrown. */
export function readAttributes(signedAttrs: Buffer | null): AttributeFields {
  const attributes = new Map<string, Buffer[]>();
  const duplicates = new Set<string>();
  if (signedAttrs !== null) {
    const set = new DerReader(signedAttrs).set();
    for (let count = 0; !set.isAtEnd; count += 1) {
      if (count >= MAX_ATTRIBUTES) throw new LimitError('too many signed attributes');
      readAttribute(set.sequence(), attributes, duplicates);
    }
  }
  const malformedAttributes: string[] = [];
  const decode = <T>(oid: string, read: (value: Buffer) => T): T | null => {
    const [value] = attributes.get(oid) ?? [];
    if (value === undefined) return null;
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      malformedAttributes.push(oid);
      return null;
    }
  };
  return {
    attributes,
    duplicateAttributes: [...duplicates],
    signingTime: decode(OID.signingTime, (value) => decodeTime(readOnly(value, { strict: true }))),
    signatureTypes: decode(OID.signatureType, readSignatureTypes),
    signingCertificate: decode(OID.signingCertificate, (value) => readSigningCertificate(value, 1)),
    signingCertificateV2: decode(OID.signingCertificateV2, (value) =>
      readSigningCertificate(value, 2),
    ),
    // Hints about the future: one that cannot be read spoils no signature (RFC 8551 section 2.5.2).
    capabilities: decode(OID.smimeCapabilities, readCapabilities),
    encryptionKeyPreference: decode(OID.encryptionKeyPreference, readKeyPreference),
    malformedAttributes,
  };
}

/** Attributes that MUST be signed, found among the unsigned ones (RFC 5652 section 11, RFC 3183 section 3.1.2). */
export function misplacedAttributes(unsigned: DerReader): string[] {
  const oids = unsigned.all(MAX_ATTRIBUTES).map((tlv) => unsigned.inside(tlv).oid());
  return oids.filter((oid) => ALWAYS_SIGNED.has(oid));
}

function readAttribute(
  reader: DerReader,
  attributes: Map<string, Buffer[]>,
  duplicates: Set<string>,
): void {
  const oid = reader.oid();
  const values = reader
    .set()
    .all(MAX_VALUES)
    .map((value) => value.bytes);
  reader.end();
  const known = attributes.get(oid);
  if (known !== undefined || (values.length > 1 && SINGLE_VALUED.has(oid))) duplicates.add(oid);
  attributes.set(oid, [...(known ?? []), ...values]);
}

// RFC 3183 section 7: SEQUENCE OF OBJECT IDENTIFIER
function readSignatureTypes(value: Buffer): string[] {
  const outer = new DerReader(value);
  const list = outer.sequence();
  outer.end();
  const types: string[] = [];
  while (!list.isAtEnd) {
    if (types.length >= MAX_SIGNATURE_TYPES) throw new DerError('too many signature types');
    types.push(list.oid());
  }
  return types;
}

// RFC 2634 section 5.4.1 and RFC 5035 section 3; the first ESSCertID is the signer's
function readSigningCertificate(value: Buffer, version: 1 | 2): SigningCertificateView {
  const identifier = new DerReader(value).sequence().sequence().sequence();
  const isHashNamed = version === 2 && identifier.peek()?.tag === 16;
  let hashAlgorithm: SigningCertificateView['hashAlgorithm'] = version === 1 ? 'sha1' : 'sha256';
  if (isHashNamed) hashAlgorithm = digestByOid(readAlgorithm(identifier).oid);
  const hash = identifier.octetString();
  if (identifier.isAtEnd) return { hashAlgorithm, hash, issuer: null, serial: null };
  const issuerSerial = identifier.sequence();
  const names = issuerSerial.sequence().all(16);
  const serial = issuerSerial.integerBytes();
  const directory = names.filter((name) => name.tagClass === 'context' && name.tag === 4);
  const issuer = directory.length === 1 && directory[0] ? readOnly(directory[0].value).bytes : null;
  return { hashAlgorithm, hash, issuer, serial };
}
