import { createHash } from 'node:crypto';
import { encodeCapabilities, encodeKeyPreference } from '@sallyport/cms';
import { der } from '@sallyport/der';
import type { UntrustedCertificate } from '@sallyport/pki';
import { ownCapabilities } from './own-capabilities.ts';

/** Attribute values that a signing key carries for its life; DER in base64. */
export interface FixedAttributes {
  readonly signingCertificateV2: string;
  readonly smimeCapabilities: string;
  readonly encryptionKeyPreference: string | null;
}

/**
 * Composes what the keyholder puts into every signature of a key: which certificate signed
 * (RFC 5035 section 3), what we can decrypt (RFC 8551 section 2.5.2), and which certificate to
 * encrypt to (RFC 8551 section 2.5.3).
 */
export function fixedAttributes(
  signing: UntrustedCertificate,
  encryption: UntrustedCertificate | null,
): FixedAttributes {
  return {
    signingCertificateV2: signingCertificateV2(signing).toString('base64'),
    smimeCapabilities: encodeCapabilities(ownCapabilities(encryption)).toString('base64'),
    encryptionKeyPreference:
      encryption === null ? null : encodeKeyPreference(encryption).toString('base64'),
  };
}

// ESSCertIDv2 with its default hash SHA-256, so hashAlgorithm is left out (DER).
function signingCertificateV2(certificate: UntrustedCertificate): Buffer {
  const hash = createHash('sha256').update(certificate.der).digest();
  const issuer = der.sequence(der.explicit(4, der.raw(certificate.issuer)));
  const issuerSerial = der.sequence(issuer, der.integer(certificate.serial));
  const certId = der.sequence(der.octetString(hash), issuerSerial);
  return der.sequence(der.sequence(certId));
}
