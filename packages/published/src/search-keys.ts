import { createHash } from 'node:crypto';
import { der } from '@sallyport/der';
import type { Certificate } from '@sallyport/pki';

/** RFC 4387 section 2.2: attributes whose value is a search key of section 2.1. */
export const HASHED_ATTRIBUTES = ['certHash', 'iHash', 'iAndSHash', 'sHash', 'sKIDHash'] as const;

/** What a certificate is found by, besides its addresses. */
export type SearchAttribute = (typeof HASHED_ATTRIBUTES)[number] | 'name';

/** RFC 4387 section 2.1: SHA-1 in base64 without its last `=`. It names, and proves nothing. */
export function searchKey(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('base64').replace(/=+$/, '');
}

/** The search keys of a certificate (RFC 4387 section 2.2); common names stand under `name`. */
export function searchKeysOf(
  certificate: Certificate,
): Readonly<Record<SearchAttribute, readonly string[]>> {
  const { subjectKeyId, issuer, serial } = certificate;
  return {
    certHash: [searchKey(certificate.der)],
    iHash: [searchKey(issuer)],
    // RFC 5652 section 10.2.4: IssuerAndSerialNumber.
    iAndSHash: [searchKey(der.sequence(issuer, der.integer(serial)))],
    sHash: [searchKey(certificate.subject)],
    sKIDHash: subjectKeyId === null ? [] : [searchKey(subjectKeyId)],
    name: certificate.commonNames,
  };
}
