/** Certificates: reading, path validation, names for TLS, and making our own. */
export {
  type AuthorityName,
  composeDomainAuthority,
  issueDomainAuthority,
  issueTlsServer,
  makeRoot,
  type RootRequest,
} from './authority.ts';
export {
  type Certificate,
  MAX_CERTIFICATE_BYTES,
  type ParsedCertificate,
  parseCertificate,
  type UntrustedCertificate,
} from './certificate.ts';
export { type Crl, MAX_CRL_BYTES, type ParsedCrl, parseCrl } from './crl.ts';
export type { RevocationReason } from './crl-entries.ts';
export {
  type DistinguishedName,
  formatName,
  type NameAttribute,
  type RelativeName,
} from './distinguished-name.ts';
export { type RevocationPlaces, revocationPlaces } from './distribution-points.ts';
export type { KeyUsage } from './extensions.ts';
export type { GeneralName } from './general-names.ts';
export { type AccessMethod, accessUris } from './information-access.ts';
export {
  type CertificateRequest,
  generateKeyPairPem,
  issueCertificate,
  type KeyKind,
  type KeyPairPem,
  type NameConstraintsRequest,
  type SubjectRequest,
} from './issue.ts';
export {
  type CrlRequest,
  composeCrl,
  issueCrl,
  OWN_REVOCATION_REASONS,
  type OwnRevocationReason,
  type RevokedCertificate,
} from './issue-crl.ts';
export type { NameConstraints } from './name-subtrees.ts';
export { type OcspResponse, type ParsedOcsp, parseOcspResponse } from './ocsp.ts';
export { makeOcspRequest } from './ocsp-request.ts';
export { PKIX } from './oids.ts';
export {
  type PathInput,
  type PathResult,
  ValidatedCertificate,
  validatePath,
} from './path.ts';
export type { PathCode } from './path-rules.ts';
export {
  DEFAULT_PATH_LIMITS,
  newStepBudget,
  type PathLimits,
  type StepBudget,
} from './path-search.ts';
export { formatPem, formatPemCertificate, parsePemCertificates, parsePemCrls } from './pem.ts';
export type { InitialPolicies } from './policy-tree.ts';
export { checkPublicKey, type KeyCheck, MAX_RSA_BITS, MIN_RSA_BITS } from './public-key.ts';
export type { Purpose } from './purpose.ts';
export { makeAuthorityCsr, makeCsr } from './request.ts';
export {
  type RevocationSummary,
  revocationText,
  summariseRevocation,
} from './revocation-summary.ts';
export type {
  OcspFact,
  RevocationEvidence,
  RevocationFacts,
  RevocationSource,
  RevocationStatus,
} from './revocation-types.ts';
export type { UnsignedStructure } from './structure-signer.ts';
export { checkTlsName, type TlsNameCheck } from './tls-name.ts';
