import { OID } from './oids.ts';
import { certificateExtension } from './signed-structure.ts';
import { encodeSubject, type SubjectRequest } from './subject-name.ts';
import { der } from './writer.ts';

/** What a certificate is asked for. */
export interface CertificationRequestFields {
  readonly subject: SubjectRequest;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  /** DER GeneralNames for subjectAltName; null for none. */
  readonly altNames: Buffer | null;
  /** Bits of KeyUsage (RFC 5280 section 4.2.1.3); none asks for none. */
  readonly keyUsage?: readonly number[];
  /** Object identifiers. */
  readonly extendedKeyUsage?: readonly string[];
}

/** DER GeneralNames of mailboxes whose local-parts are ASCII. @throws RangeError if one is not. */
export function encodeMailboxNames(mailboxes: readonly string[]): Buffer {
  return der.sequence(...mailboxes.map((mailbox) => der.implicit(1, der.ia5String(mailbox))));
}

/**
 * CertificationRequestInfo of PKCS#10 (RFC 2986 section 4.1): what `signedStructure` goes round.
 * Names and usages stand in extensionRequest (RFC 2985 section 5.4.2).
 *
 * @throws RangeError for a subject that RFC 5280 does not allow.
 */
export function certificationRequestInfo(fields: CertificationRequestFields): Buffer {
  const { altNames, keyUsage = [], extendedKeyUsage = [] } = fields;
  const extensions: Buffer[] = [];
  if (altNames !== null) {
    extensions.push(certificateExtension(OID.subjectAltName, altNames, 'plain'));
  }
  if (keyUsage.length > 0) {
    extensions.push(certificateExtension(OID.keyUsage, der.namedBits(keyUsage), 'critical'));
  }
  if (extendedKeyUsage.length > 0) {
    const usages = der.sequence(...extendedKeyUsage.map((oid) => der.oid(oid)));
    extensions.push(certificateExtension(OID.extendedKeyUsage, usages, 'plain'));
  }
  const request = der.sequence(
    der.oid(OID.extensionRequest),
    der.setOf([der.sequence(...extensions)]),
  );
  return der.sequence(
    der.integer(0),
    encodeSubject(fields.subject),
    fields.spki,
    der.implicit(0, der.setOf(extensions.length === 0 ? [] : [request])),
  );
}
