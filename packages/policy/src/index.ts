/** Partner policy: its schema, which record applies, and the pure decision over facts. */
export { type AgreementState, agreementState } from './agreement.ts';
export {
  CONTENT_CIPHERS,
  type ContentCipher,
  KEY_TRANSPORTS,
  type KeyTransport,
} from './algorithms.ts';
export type { Announcement, CapabilityFacts, ChoiceSource } from './choose-algorithms.ts';
export { decideInward } from './decide-inward.ts';
export { type ListFacts, type ReviewFacts, withListDemand } from './decide-layers.ts';
export { decideOutward } from './decide-outward.ts';
export { diffPolicies, type Effect, type PolicyChange, valueTexts } from './diff.ts';
export type { DmarcFacts } from './dmarc.ts';
export { type EffectiveRule, type EffectiveValue, effectiveRule } from './effective.ts';
export { extractFor } from './extract.ts';
export { matchesGlob } from './glob.ts';
export type { InwardDecision, InwardFacts, LabelFacts } from './inward-decision.ts';
export { checkTransport } from './inward-gaps.ts';
export {
  type ClientDemand,
  type InwardMatch,
  type InwardRule,
  inwardRuleFor,
} from './inward-rule.ts';
export {
  type AppliedPartner,
  filterRuleFor,
  matchesPattern,
  outwardRuleFor,
  type PartnerMatch,
  policyFor,
  tlsPolicyFor,
} from './match.ts';
export type {
  CertificateFacts,
  LookupFault,
  OutwardDecision,
  OutwardFacts,
  Proof,
  Unusable,
} from './outward-decision.ts';
export { Permit } from './permit.ts';
export { type LoggedInward, rehearseInward } from './rehearse-inward.ts';
export { type Compared, type LoggedOutward, rehearseOutward } from './rehearse-outward.ts';
export { type LoggedTransport, rehearseTransport } from './rehearse-transport.ts';
export type { Rehearsed } from './rehearsed.ts';
export type { CertificateRequirements } from './requirement-fields.ts';
export { checkRequirements, demandedPolicies, type RequirementCheck } from './requirements.ts';
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
export { TLS_LEVELS } from './tls-fields.ts';
export {
  tlsDecider,
  transportFaults,
  transportWarnings,
  type WayOut,
} from './transport-faults.ts';
export { anchorsFor, type TrustDirection } from './trust-fields.ts';
export type { FilterFacts, SenderLookup, VerdictFacts } from './verdict.ts';
