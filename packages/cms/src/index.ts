/** CMS for mail: SignedData, EnvelopedData and AuthEnvelopedData (RFC 5652, RFC 5083), written and read. */
export {
  CONTENT_ALGORITHMS,
  type ContentName,
  CURVES,
  type CurveName,
  DIGESTS,
  type DigestName,
  digestAlgorithmIdentifier,
  type KdfHash,
  type KeyBytes,
  type OaepHash,
  SIGNATURES,
  type SignatureAlgorithmName,
  signatureAlgorithmIdentifier,
  WRAPS,
  type WrapName,
} from './algorithms.ts';
export { checkSignerInfo, matchesSigner, type SignedContent } from './check-signer.ts';
export { type Decrypted, decryptContent } from './decrypt.ts';
export {
  type AuthEnvelopedDataOptions,
  authEnvelopedData,
  cmsEncryptedSize,
  type EnvelopedDataOptions,
  envelopedData,
  type RecipientCertificate,
} from './envelope-writer.ts';
export { readCms } from './read.ts';
export { encryptedKeyFor, matchesRecipient } from './read-recipients.ts';
export {
  checkRecipientKey,
  eccSharedInfo,
  type KeyTransportName,
  type RecipientKeyCheck,
  x963Kdf,
} from './recipient-writer.ts';
export { isShapedLikeAttributes } from './shape.ts';
export { signRaw } from './sign-raw.ts';
export {
  certificatesOnly,
  detachedSignedData,
  digestContent,
  emptySignedData,
  type SignerInfoParts,
  signedData,
} from './signed-writer.ts';
export type {
  AuthEnvelopedDataView,
  CertificateReference,
  CmsCertificate,
  CmsLimits,
  CmsObject,
  ContentEncryptionView,
  EnvelopedDataView,
  KariView,
  KeyTransportAlgorithm,
  KtriView,
  NonEmpty,
  RecipientInfoView,
  SignedDataView,
  SignerCheck,
  SignerInfoView,
  SigningCertificateView,
} from './views.ts';
