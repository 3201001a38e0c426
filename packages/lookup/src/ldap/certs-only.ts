import { DerError, DerReader, OID, readOnly } from '@sallyport/der';

const MAX_CERTIFICATES = 16;

/**
 * The certificates in a userSMIMECertificate value: a PKCS#7 SignedData that carries certificates
 * (RFC 2798 section 2.8). What has another shape yields none. A bare certificate, as some
 * directories put there, yields itself.
 */
export function certificatesOfCertsOnly(value: Buffer): Buffer[] {
  try {
    const contentInfo = new DerReader(readOnly(value));
    if (contentInfo.peek()?.tag !== 6) return [value];
    if (contentInfo.oid() !== OID.signedData) return [];
    const signedData = contentInfo.optionalExplicit(0)?.sequence();
    if (signedData === undefined) return [];
    signedData.integer(); // version
    signedData.set(); // digestAlgorithms
    signedData.sequence(); // encapContentInfo
    const certificates = signedData.optional('context', 0);
    if (certificates === null) return [];
    return (
      signedData
        .inside(certificates)
        .all(MAX_CERTIFICATES)
        // RFC 5652 section 10.2.2: other certificate formats are context tagged
        .filter((choice) => choice.tagClass === 'universal' && choice.tag === 16)
        .map((choice) => choice.bytes)
    );
  } catch (error) {
    if (error instanceof DerError) return [];
    throw error;
  }
}
