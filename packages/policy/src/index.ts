/** Partner policy: its schema, which record applies, and the pure decision over facts. */
export { decideInward, type InwardDecision, type InwardFacts } from './decide-inward.ts';
export {
  type CertificateFacts,
  decideOutward,
  type OutwardDecision,
  type OutwardFacts,
} from './decide-outward.ts';
export { type InwardMatch, type InwardRule, inwardRuleFor } from './inward-rule.ts';
export {
  type AppliedPartner,
  filterRuleFor,
  matchesPattern,
  outwardRuleFor,
  type PartnerMatch,
  tlsPolicyFor,
} from './match.ts';
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
