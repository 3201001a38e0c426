/** CMS for mail: SignedData, EnvelopedData and AuthEnvelopedData (RFC 5652, RFC 5083), written and read. */
export {
  type AeadName,
  type CbcName,
  CONTENT_ALGORITHMS,
  type ContentName,
  DIGESTS,
  type DigestName,
  digestAlgorithmIdentifier,
  digestOf,
  type KeyBytes,
  type LegacyAlgorithm,
  type ReadDigestName,
  SIGNATURES,
  type SignatureAlgorithmName,
  signatureAlgorithmIdentifier,
} from './algorithms.ts';
export type {
  CurveName,
  HkdfHash,
  Kdf,
  KdfHash,
  KemName,
  OaepHash,
  WrapName,
} from './algorithms-keys.ts';
export {
  type Capability,
  encodeCapabilities,
  encodeKeyPreference,
  formatCapability,
  type OwnCapability,
  readCapabilities,
} from './capabilities.ts';
export { checkSignerInfo, matchesSigner, type SignedContent } from './check-signer.ts';
export {
  chooseSignature,
  type SignatureChoice,
  type SignatureWish,
} from './choose-signature.ts';
export { type Decompressed, decompressContent } from './decompress.ts';
export { type Decrypted, decryptContent } from './decrypt.ts';
export {
  type AuthEnvelopedDataOptions,
  authEnvelopedData,
  cmsEncryptedSize,
  type EnvelopedDataOptions,
  envelopedData,
  type RecipientCertificate,
} from './envelope-writer.ts';
export type { OaepParameters } from './oaep.ts';
export { readCms } from './read.ts';
export { matchesRecipient, recipientKeyFor } from './read-recipients.ts';
export {
  checkRecipientKey,
  type KeyTransportName,
  type RecipientKeyCheck,
  type RecipientOptions,
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
export { unwrapRaw } from './unwrap-raw.ts';
export type {
  AuthEnvelopedDataView,
  CertificateReference,
  CmsCertificate,
  CmsLimits,
  CmsObject,
  CompressedDataView,
  ContentEncryptionView,
  EnvelopedDataView,
  KariView,
  KemriView,
  KeyTransportAlgorithm,
  KtriView,
  NonEmpty,
  RecipientInfoView,
  RecipientKey,
  SignedDataView,
  SignerCheck,
  SignerInfoView,
  SigningCertificateView,
} from './views.ts';
