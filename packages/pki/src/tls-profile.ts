import { attempt, wholeSequence } from './asn1.ts';
import { isSelfIssued, type UntrustedCertificate } from './certificate.ts';
import { PKIX } from './oids.ts';
import { called, type PathFault } from './path-rules.ts';
import type { Purpose } from './purpose.ts';

type Role = 'anchor' | 'ca' | 'end-entity';

/** authorityCertIssuer or authorityCertSerialNumber, which the roots of public CAs must not have. */
function namesIssuerOtherwise(certificate: UntrustedCertificate): boolean {
  const extension = certificate.extensions.raw.get(PKIX.authorityKeyIdentifier);
  if (extension === undefined) return false;
  const found = attempt(() => {
    const fields = wholeSequence(extension.value, 'authorityKeyIdentifier');
    const keyId = fields.context(0);
    return keyId === undefined || fields.peek() !== undefined;
  });
  return 'reason' in found || found.value;
}

function whyNot(certificate: UntrustedCertificate, role: Role): string | null {
  const { raw } = certificate.extensions;
  if (role === 'end-entity') {
    return raw.get(PKIX.extendedKeyUsage)?.critical === true
      ? 'has a critical extended key usage (CA/Browser Forum 7.1.2.7.6)'
      : null;
  }
  if (certificate.subjectKeyId === null) {
    return 'is a CA without subjectKeyIdentifier (RFC 5280 section 4.2.1.2)';
  }
  if (raw.get(PKIX.basicConstraints)?.critical !== true) {
    return 'is a CA whose basicConstraints are not critical (RFC 5280 section 4.2.1.9)';
  }
  if (!isSelfIssued(certificate) && certificate.authorityKeyId === null) {
    return 'does not say which key signed it (RFC 5280 section 4.2.1.1)';
  }
  return role === 'anchor' && namesIssuerOtherwise(certificate)
    ? 'names its issuer otherwise than by key (CA/Browser Forum 7.1.2.1.3)'
    : null;
}

/**
 * What a conforming CA must write, checked for TLS servers alone: there CAs are public and audited
 * for it. Private CAs of mail domains break these rules, and none of them lets anybody issue for a
 * name that is not theirs.
 */
export function checkTlsProfile(
  certificate: UntrustedCertificate,
  purpose: Purpose,
  role: Role,
): PathFault | null {
  const fault = purpose === 'tls-server' ? whyNot(certificate, role) : null;
  return fault === null ? null : { code: 'profile', reason: `${called(certificate)} ${fault}` };
}
