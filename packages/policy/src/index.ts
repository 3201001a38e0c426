/** Partner policy: its schema, which record applies, and the pure decision over facts. */
export {
  CONTENT_CIPHERS,
  type ContentCipher,
  KEY_TRANSPORTS,
  type KeyTransport,
} from './algorithms.ts';
export type { Announcement, CapabilityFacts, ChoiceSource } from './choose-algorithms.ts';
export {
  decideInward,
  type InwardDecision,
  type InwardFacts,
  type LabelFacts,
} from './decide-inward.ts';
export { type ListFacts, type ReviewFacts, withListDemand } from './decide-layers.ts';
export { decideOutward } from './decide-outward.ts';
export { type InwardMatch, type InwardRule, inwardRuleFor } from './inward-rule.ts';
export {
  type AppliedPartner,
  filterRuleFor,
  matchesPattern,
  outwardRuleFor,
  type PartnerMatch,
  tlsPolicyFor,
} from './match.ts';
export type { CertificateFacts, OutwardDecision, OutwardFacts } from './outward-decision.ts';
export { Permit } from './permit.ts';
export {
  type FilterRule,
  type InboundPolicy,
  type OutboundPolicy,
  type PartnerPolicy,
  type PolicyDocument,
  parsePolicyDocument,
  policyDocumentSchema,
  type TlsPolicy,
  type TrustPolicy,
} from './schema.ts';
export type { FilterFacts, VerdictFacts } from './verdict.ts';
