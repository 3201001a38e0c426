import type { UntrustedCertificate } from './certificate.ts';
import type { Crl } from './crl.ts';
import { ALL_REASONS, type DistributionPoint, pointKeys } from './distribution-points.ts';

/** RFC 5280 section 6.3.3: a CRL that no point of the certificate names, but its issuer issued. */
export const IMPLIED_POINT = { name: null, reasons: ALL_REASONS, crlIssuer: null } as const;

/** RFC 5280 section 6.3.3 (b)(1). */
function isOfIssuer(crl: Crl, certificate: UntrustedCertificate, point: DistributionPoint) {
  if (point.crlIssuer === null) return crl.issuerName.key === certificate.issuerName.key;
  const isNamed = point.crlIssuer.some((name) => name.key === crl.issuerName.key);
  return isNamed && crl.distributionPoint?.isIndirect === true;
}

/** RFC 5280 section 6.3.3 (b)(2)(i). */
function isOfPoint(crl: Crl, certificate: UntrustedCertificate, point: DistributionPoint) {
  const name = crl.distributionPoint?.name ?? null;
  if (name === null) return true;
  const ofCrl = new Set(pointKeys(name, crl.issuerName));
  ofCrl.delete('other');
  const wanted =
    point.name !== null
      ? pointKeys(point.name, crl.issuerName)
      : (point.crlIssuer ?? [certificate.issuerName]).map(({ key }) => `directory ${key}`);
  return wanted.some((key) => ofCrl.has(key));
}

/** RFC 5280 section 6.3.3 (b)(2)(ii) to (iv). */
function isOfKind(crl: Crl, certificate: UntrustedCertificate): boolean {
  const { distributionPoint } = crl;
  if (distributionPoint === null) return true;
  if (distributionPoint.onlyAttributeCertificates) return false;
  return certificate.isCa
    ? !distributionPoint.onlyUserCertificates
    : !distributionPoint.onlyCaCertificates;
}

/**
 * The reasons for which this CRL can speak about the certificate through one of its distribution
 * points (RFC 5280 section 6.3.3 (b) and (d)); 0 if it does not speak about it.
 */
export function reasonsInScope(
  crl: Crl,
  certificate: UntrustedCertificate,
  point: DistributionPoint,
): number {
  const isInScope =
    isOfIssuer(crl, certificate, point) &&
    isOfPoint(crl, certificate, point) &&
    isOfKind(crl, certificate);
  return isInScope ? point.reasons & (crl.distributionPoint?.reasons ?? ALL_REASONS) : 0;
}

function sameBytes(one: Buffer | null | undefined, other: Buffer | null | undefined): boolean {
  return one && other ? one.equals(other) : !one && !other;
}

/** RFC 5280 section 6.3.3 (c) and section 5.2.4: a delta that continues this complete CRL. */
export function continues(delta: Crl, complete: Crl): boolean {
  return (
    delta.baseNumber !== null &&
    delta.number !== null &&
    complete.number !== null &&
    delta.issuerName.key === complete.issuerName.key &&
    sameBytes(delta.distributionPoint?.der, complete.distributionPoint?.der) &&
    sameBytes(delta.authorityKeyId, complete.authorityKeyId) &&
    complete.number >= delta.baseNumber &&
    complete.number < delta.number
  );
}

/** RFC 5280 section 5.1.2.4 and 5.1.2.5: issued, and not yet overdue. */
export function isCurrent(
  list: { readonly thisUpdate: Date; readonly nextUpdate: Date | null },
  time: Date,
): boolean {
  if (list.nextUpdate === null || list.thisUpdate.getTime() > time.getTime()) return false;
  return time.getTime() <= list.nextUpdate.getTime() + 999;
}
