import { attempt, members, oidOf, sequence, TAG, whole } from './asn1.ts';
import type { UntrustedCertificate } from './certificate.ts';
import { parseGeneralName } from './general-names.ts';
import { PKIX } from './oids.ts';

const MAX_ACCESS_DESCRIPTIONS = 64;

/** Access methods of RFC 5280 section 4.2.2.1, RFC 6960 section 3.1 and RFC 4387 section 3.1. */
const METHODS = {
  'ca-issuers': PKIX.caIssuers,
  ocsp: PKIX.ocsp,
  'http-certs': PKIX.httpCerts,
  'http-crls': PKIX.httpCrls,
} as const;

export type AccessMethod = keyof typeof METHODS;

function parseAccess(value: Buffer, method: string): string[] {
  const list = members(whole(value, 'access list'), 'access list', MAX_ACCESS_DESCRIPTIONS);
  return list.flatMap((tlv) => {
    const fields = sequence(tlv, 'an access description');
    const oid = oidOf(fields.need(TAG.oid, 'its method'), 'access method');
    const location = parseGeneralName(fields.any('its location'));
    fields.end();
    return oid === method && location.kind === 'uri' ? [location.value] : [];
  });
}

/**
 * The URIs that a certificate gives for one access method, in its order: `authority` about its
 * issuer (RFC 5280 section 4.2.2.1), `subject` about itself (RFC 5280 section 4.2.2.2). Fetches
 * nothing; a malformed list yields none.
 */
export function accessUris(
  certificate: UntrustedCertificate,
  about: 'authority' | 'subject',
  method: AccessMethod,
): string[] {
  const oid = about === 'authority' ? PKIX.authorityInfoAccess : PKIX.subjectInfoAccess;
  const extension = certificate.extensions.raw.get(oid);
  if (extension === undefined) return [];
  const parsed = attempt(() => parseAccess(extension.value, METHODS[method]));
  return 'reason' in parsed ? [] : parsed.value;
}
