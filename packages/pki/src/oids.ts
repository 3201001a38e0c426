import { OID } from '@sallyport/der';

/** The identifiers of der, and those that only certificates need (RFC 5639, RFC 3279). */
export const PKIX = {
  ...OID,
  // RFC 6960 section 4.2.1, RFC 9654 section 2.1
  ocspBasic: '1.3.6.1.5.5.7.48.1.1',
  ocspNonce: '1.3.6.1.5.5.7.48.1.2',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
  // RFC 4387 section 3.1
  httpCerts: '1.3.6.1.5.5.7.48.6',
  httpCrls: '1.3.6.1.5.5.7.48.7',
  dsaWithSha1: '1.2.840.10040.4.3',
  brainpoolP256r1: '1.3.36.3.3.2.8.1.1.7',
  brainpoolP384r1: '1.3.36.3.3.2.8.1.1.11',
  brainpoolP512r1: '1.3.36.3.3.2.8.1.1.13',
} as const;

/** RFC 4514 section 3 short names, for people. */
export const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  [PKIX.commonName, 'CN'],
  [PKIX.countryName, 'C'],
  [PKIX.localityName, 'L'],
  [PKIX.stateOrProvinceName, 'ST'],
  [PKIX.streetAddress, 'STREET'],
  [PKIX.organizationName, 'O'],
  [PKIX.organizationalUnitName, 'OU'],
  [PKIX.domainComponent, 'DC'],
  [PKIX.userId, 'UID'],
  [PKIX.emailAddress, 'emailAddress'],
  [PKIX.serialNumber, 'serialNumber'],
]);
