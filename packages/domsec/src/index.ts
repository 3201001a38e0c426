/** RFC 3183: signature types, naming and mapping, building and reading the layers of a message. */
export {
  bindsAuthor,
  type DeliverForm,
  deliveredMessage,
  formatAuthenticationResults,
  formatVerdict,
} from './deliver.ts';
export {
  type HeaderConfidentiality,
  type HeaderTreatment,
  outerHeader,
  signedPayload,
} from './header-protection.ts';
export type { ProtectedField, ProtectedFrom, ProtectedHeader } from './header-protection-read.ts';
export { describeLabel, labelsOf, type MessageLabels, type VerifiedLabel } from './labels.ts';
export { type EssAttribute, encodeEssAttribute, type SignedLabel } from './labels-encode.ts';
export type {
  EntityNames,
  EssAttributes,
  ListExpansion,
  ReceiptRequest,
  SecurityLabel,
} from './labels-read.ts';
export type {
  EncryptedLayer,
  KeyUnwrapper,
  Layer,
  LayerSigner,
  OpenedMessage,
  OpenOptions,
  OwnRecipient,
  ReadMessage,
  SignedLayer,
  UnwrapRequest,
} from './layers.ts';
export { MESSAGE_LIMITS } from './limits.ts';
export { type ListPlan, planListHandling } from './list.ts';
export {
  closeLayers,
  type DomainEncryption,
  type OpenPlan,
  originatorOf,
  plannedMessage,
} from './list-build.ts';
export { encapsulatedState } from './list-verified.ts';
export {
  AUTHORITY_NAMES,
  type AuthorityRole,
  checkAuthorityName,
  checkNameMapping,
  namingOptions,
} from './naming.ts';
export { openLayers } from './open.ts';
export { type ClaimedOriginators, claimedOriginators } from './originators.ts';
export {
  assembleMessage,
  domainEncrypt,
  domainSign,
  listLayer,
  protectedSizeEstimate,
  type SignOptions,
  signMessage,
} from './outward.ts';
export { readReceipt, type SignedReceipt } from './receipt.ts';
export { type ReviewState, reviewState } from './review.ts';
export {
  checkSignatureTypes,
  type DomainSigner,
  type SignatureTypeName,
  type Signers,
} from './sign-layer.ts';
export {
  type JudgeOptions,
  judgeLayers,
  type LayerReport,
  type SignerReport,
  type Verdict,
} from './verdict.ts';
