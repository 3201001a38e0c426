import { createPublicKey } from 'node:crypto';
import { certificateExtension, der, signatureIdentifier } from '@sallyport/der';
import type { UntrustedCertificate } from './certificate.ts';
import { type RevocationReason, reasonNumber } from './crl-entries.ts';
import { keyIdOf } from './issue.ts';
import { PKIX } from './oids.ts';
import {
  loadKey,
  type PrivateKey,
  structureSigner,
  type UnsignedStructure,
  unsignedStructure,
} from './structure-signer.ts';

/** Reasons that a CA of ours gives: those of RFC 5280 section 5.3.1 that fit an end entity. */
export const OWN_REVOCATION_REASONS = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
] as const satisfies readonly RevocationReason[];
export type OwnRevocationReason = (typeof OWN_REVOCATION_REASONS)[number];

/** One certificate that its issuer has revoked. */
export interface RevokedCertificate {
  /** Content octets of the INTEGER, as `UntrustedCertificate.serial` has them. */
  readonly serial: Buffer;
  readonly revokedAt: Date;
  readonly reason: OwnRevocationReason;
}

export interface CrlRequest {
  readonly issuer: {
    readonly certificate: UntrustedCertificate;
    readonly privateKey: PrivateKey;
  };
  /** Greater than that of every list before (RFC 5280 section 5.2.3). */
  readonly crlNumber: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly revoked: readonly RevokedCertificate[];
}

/**
 * Issues a full CRL, version 2 (RFC 5280 section 5.1), and returns its DER.
 *
 * @throws RangeError if the key is not that of the issuer, the number is none, or the list is over
 *   before it begins.
 */
export function issueCrl(request: CrlRequest): Buffer {
  return composeCrl(request).sign().der;
}

/**
 * As `issueCrl`, up to the moment before the key is used.
 *
 * @throws RangeError as `issueCrl` does.
 */
export function composeCrl(request: CrlRequest): UnsignedStructure {
  const { issuer, crlNumber, thisUpdate, nextUpdate, revoked } = request;
  const key = loadKey(issuer.privateKey);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  if (!spki.equals(issuer.certificate.spki))
    throw new RangeError('the key is not that of the issuer');
  if (!Number.isSafeInteger(crlNumber) || crlNumber < 0) throw new RangeError('no CRL number');
  if (nextUpdate.getTime() <= thisUpdate.getTime()) throw new RangeError('the CRL is over at once');
  const signer = structureSigner(key);
  const keyId = der.sequence(
    der.implicit(0, der.octetString(issuer.certificate.subjectKeyId ?? keyIdOf(spki))),
  );
  const extensions = der.sequence(
    certificateExtension(PKIX.authorityKeyIdentifier, keyId, 'plain'),
    certificateExtension(PKIX.crlNumber, der.integer(crlNumber), 'plain'),
  );
  const tbs = der.sequence(
    der.integer(1),
    signatureIdentifier(signer.name),
    issuer.certificate.subject,
    der.time(thisUpdate),
    der.time(nextUpdate),
    // RFC 5280 section 5.1.2.6: absent if nothing is revoked.
    ...(revoked.length === 0 ? [] : [der.sequence(...revoked.map(entryOf))]),
    der.explicit(0, extensions),
  );
  return unsignedStructure(tbs, signer);
}

function entryOf({ serial, revokedAt, reason }: RevokedCertificate): Buffer {
  const code = certificateExtension(PKIX.reasonCode, der.enumerated(reasonNumber(reason)), 'plain');
  // RFC 5280 section 5.3.1: no reason is said by leaving the extension out.
  const extensions = reason === 'unspecified' ? [] : [der.sequence(code)];
  return der.sequence(der.integerContent(serial), der.time(revokedAt), ...extensions);
}
