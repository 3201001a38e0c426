import { OID } from './oids.ts';
import { der } from './writer.ts';

/** Signature algorithms of certificates, CRLs and requests that are made here. */
export type StructureSignature =
  | 'rsa-sha256'
  | 'rsa-sha384'
  | 'rsa-sha512'
  | 'ecdsa-sha256'
  | 'ecdsa-sha384'
  | 'ecdsa-sha512'
  | 'ed25519'
  | 'ml-dsa-65'
  | 'ml-dsa-87';

const IDENTIFIERS: Readonly<Record<StructureSignature, string>> = {
  'rsa-sha256': OID.sha256WithRsa,
  'rsa-sha384': OID.sha384WithRsa,
  'rsa-sha512': OID.sha512WithRsa,
  'ecdsa-sha256': OID.ecdsaWithSha256,
  'ecdsa-sha384': OID.ecdsaWithSha384,
  'ecdsa-sha512': OID.ecdsaWithSha512,
  ed25519: OID.ed25519,
  'ml-dsa-65': OID.mlDsa65,
  'ml-dsa-87': OID.mlDsa87,
};

/** AlgorithmIdentifier: NULL parameters for RSA (RFC 4055 section 5), none for all others. */
export function signatureIdentifier(name: StructureSignature): Buffer {
  const parameters = name.startsWith('rsa-') ? [der.null()] : [];
  return der.sequence(der.oid(IDENTIFIERS[name]), ...parameters);
}

/** `SIGNED{…}`: what certificates, CRLs and PKCS#10 requests have in common (RFC 5280 section 4.1). */
export function signedStructure(body: Buffer, name: StructureSignature, signature: Buffer): Buffer {
  return der.sequence(body, signatureIdentifier(name), der.bitString(signature));
}

/** One Extension (RFC 5280 section 4.1.2.9). */
export function certificateExtension(
  oid: string,
  value: Buffer,
  criticality: 'critical' | 'plain',
): Buffer {
  const flag = criticality === 'critical' ? [der.boolean(true)] : [];
  return der.sequence(der.oid(oid), ...flag, der.octetString(value));
}
