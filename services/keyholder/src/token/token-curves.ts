import { der, OID } from '@sallyport/der';
import type { KeyAlgorithm } from '@sallyport/ipc';

/** A curve as PKCS#11 and as JSON Web Keys name it (RFC 5480 section 2.1.1.1, RFC 7518 section 6.2.1.1). */
export interface TokenCurve {
  readonly algorithm: KeyAlgorithm;
  /** CKA_EC_PARAMS: the DER of its OBJECT IDENTIFIER. */
  readonly parameters: Buffer;
  readonly crv: string;
  /** Octets of a coordinate. */
  readonly octets: number;
}

/** The curves of keys on a token. */
export const TOKEN_CURVES: readonly TokenCurve[] = [
  { algorithm: 'ec-p256', parameters: der.oid(OID.p256), crv: 'P-256', octets: 32 },
  { algorithm: 'ec-p384', parameters: der.oid(OID.p384), crv: 'P-384', octets: 48 },
  { algorithm: 'ec-p521', parameters: der.oid(OID.p521), crv: 'P-521', octets: 66 },
];
