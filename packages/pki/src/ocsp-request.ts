import { createHash } from 'node:crypto';
import { der } from '@sallyport/der';
import { whole } from './asn1.ts';
import type { UntrustedCertificate } from './certificate.ts';
import { PKIX } from './oids.ts';
import { parsePublicKeyInfo } from './public-key.ts';

/** RFC 9654 section 2.1: a nonce of 32 octets should be sent, of 1 to 128 may be. */
const MAX_NONCE_BYTES = 128;

/** Hashes that a CertID may use (RFC 6960 section 4.1.1). */
export const CERT_ID_HASHES: ReadonlyMap<string, string> = new Map([
  [PKIX.sha1, 'sha1'],
  [PKIX.sha256, 'sha256'],
  [PKIX.sha384, 'sha384'],
  [PKIX.sha512, 'sha512'],
]);

export function hashOctets(name: string, bytes: Buffer): Buffer {
  return createHash(name).update(bytes).digest();
}

/** The octets of subjectPublicKey, without tag and unused bits (RFC 6960 section 4.1.1). */
export function keyBitsOf(certificate: UntrustedCertificate): Buffer {
  return parsePublicKeyInfo(whole(certificate.spki, 'public key')).key;
}

/**
 * An OCSPRequest about one certificate (RFC 6960 section 4.1). SHA-1 names the issuer, as every
 * responder knows it (RFC 5019 section 2.1.1); nothing is signed with it.
 *
 * @throws RangeError if the nonce is empty or over 128 octets.
 */
export function makeOcspRequest(input: {
  readonly certificate: UntrustedCertificate;
  readonly issuer: UntrustedCertificate;
  readonly nonce?: Buffer;
}): Buffer {
  const { certificate, issuer, nonce } = input;
  if (nonce !== undefined && (nonce.length === 0 || nonce.length > MAX_NONCE_BYTES)) {
    throw new RangeError(`an OCSP nonce has 1 to ${MAX_NONCE_BYTES} octets`);
  }
  const certId = der.sequence(
    der.sequence(der.oid(PKIX.sha1), der.null()),
    // The issuer field of the certificate itself, so that the responder finds its own octets.
    der.octetString(hashOctets('sha1', certificate.issuer)),
    der.octetString(hashOctets('sha1', keyBitsOf(issuer))),
    der.integerContent(certificate.serial),
  );
  const extensions =
    nonce === undefined
      ? []
      : [
          der.explicit(
            2,
            der.sequence(
              der.sequence(der.oid(PKIX.ocspNonce), der.octetString(der.octetString(nonce))),
            ),
          ),
        ];
  const requestList = der.sequence(der.sequence(certId));
  return der.sequence(der.sequence(requestList, ...extensions));
}
