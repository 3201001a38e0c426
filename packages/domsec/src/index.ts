/** RFC 3183: signature types, naming and mapping, building and reading the layers of a message. */
export {
  type DeliverForm,
  deliveredMessage,
  formatAuthenticationResults,
  formatVerdict,
} from './deliver.ts';
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
export * from './naming.ts';
export { openLayers } from './open.ts';
export { type ClaimedOriginators, claimedOriginators } from './originators.ts';
export {
  assembleMessage,
  type DomainSigner,
  domainEncrypt,
  domainSign,
  outerHeader,
  protectedSizeEstimate,
  type SignatureTypeName,
  signedPayload,
} from './outward.ts';
export {
  type JudgeOptions,
  judgeLayers,
  type LayerReport,
  type SignerReport,
  type Verdict,
} from './verdict.ts';
