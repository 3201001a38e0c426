import { DerReader, type Tlv } from '@sallyport/der';
import type { LimitFaultId } from '@sallyport/faults';
import { type Content, loadSmall } from '@sallyport/mail';
import type { ElementCursor } from './element-cursor.ts';
import type { CertificateReference } from './views.ts';

/** A count over the caller's limits. Made a `malformed` with its fault at the border of `readCms`. */
export class LimitError extends Error {
  override readonly name = 'LimitError';
  readonly fault: LimitFaultId;

  constructor(message: string, fault: LimitFaultId = 'limit-exceeded') {
    super(message);
    this.fault = fault;
  }
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

const SEQUENCE = 16;

/** EncapsulatedContentInfo (RFC 5652 section 5.2); eContent is null if it is absent. */
export async function readEncapsulated(
  cursor: ElementCursor,
): Promise<{ readonly eContentType: string; readonly eContent: Content | null }> {
  await cursor.enter('universal', SEQUENCE);
  const eContentType = await cursor.oid();
  let eContent: Content | null = null;
  if ((await cursor.peek()) !== null) {
    await cursor.enter('context', 0);
    eContent = await loadSmall(await cursor.octetString());
    await cursor.leave();
  }
  await cursor.leave();
  return { eContentType, eContent };
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
