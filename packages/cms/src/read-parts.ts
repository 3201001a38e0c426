import { DerReader, type Tlv } from '@sallyport/der';
import type { CertificateReference } from './views.ts';

/** A count over the caller's limits. Made a `limit-exceeded` at the border of `readCms`. */
export class LimitError extends Error {
  override readonly name = 'LimitError';
}

export interface AlgorithmView {
  readonly oid: string;
  /** The parameters; null if absent. */
  readonly parameters: Tlv | null;
}

/** AlgorithmIdentifier (RFC 5280 section 4.1.1.2). */
export function readAlgorithm(reader: DerReader): AlgorithmView {
  const inner = reader.sequence();
  const oid = inner.oid();
  const parameters = inner.peek() === null ? null : inner.next();
  inner.end();
  return { oid, parameters };
}

/** True for what some senders write where parameters are to be absent. */
export function isAbsentOrNull(parameters: Tlv | null): boolean {
  return parameters === null || isNull(parameters);
}

function isNull(tlv: Tlv): boolean {
  return tlv.tagClass === 'universal' && tlv.tag === 5 && tlv.value.length === 0;
}

/** issuerAndSerialNumber (RFC 5652 section 10.2.4); the reader stands inside the SEQUENCE. */
export function readIssuerAndSerial(reader: DerReader): CertificateReference {
  const issuer = reader.expect('universal', 16).bytes;
  const serial = reader.integerBytes();
  reader.end();
  return { kind: 'issuerAndSerial', issuer, serial };
}

/** SignerIdentifier or RecipientIdentifier (RFC 5652 sections 5.3 and 6.2.1). */
export function readCertificateReference(reader: DerReader): CertificateReference {
  const keyId = reader.optional('context', 0);
  if (keyId !== null) return { kind: 'subjectKeyId', subjectKeyId: stringValue(keyId) };
  return readIssuerAndSerial(reader.sequence());
}

/** Content of an IMPLICIT OCTET STRING that is short: joined if it came in pieces. */
export function stringValue(tlv: Tlv): Buffer {
  if (!tlv.constructed) return tlv.value;
  return Buffer.concat(new DerReader(tlv.value).all().map(stringValue));
}

/** True if the reference names this certificate. */
export function isReferenceTo(
  reference: CertificateReference,
  certificate: {
    readonly issuer: Buffer;
    readonly serial: Buffer;
    readonly subjectKeyId: Buffer | null;
  },
): boolean {
  if (reference.kind === 'subjectKeyId') {
    return certificate.subjectKeyId?.equals(reference.subjectKeyId) === true;
  }
  return reference.serial.equals(certificate.serial) && reference.issuer.equals(certificate.issuer);
}
