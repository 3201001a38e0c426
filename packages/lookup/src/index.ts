/**
 * Finding things out there: DNS (own stub), mail routes, partners' certificates behind one
 * resolver of doors, and recipients in a directory.
 */

export { isPublicAddress } from './address.ts';
export { certificateIn, matcherFor } from './associations.ts';
export { locateMx, MAX_MX_HOSTS, type MailHost, type MailRoute } from './dns/mx.ts';
export type {
  AssociationRecord,
  CertRecord,
  DnsAnswer,
  DnsFailureReason,
  MxRecord,
  NonEmpty,
  RecordData,
  RecordType,
  Resolver,
  SrvRecord,
} from './dns/records.ts';
export { createResolver, type ResolverOptions } from './dns/resolver.ts';
export { orderSrv } from './dns/srv.ts';
export { type FetchPorts, fetchBounded, type HttpAnswer, type HttpRequest } from './http/fetch.ts';
export { type RecipientCheck, type RecipientQuery, recipientExists } from './ldap/recipient.ts';
export { locateCertificates } from './locate.ts';
export {
  type Binding,
  type Candidate,
  type CandidateVerdict,
  DOOR_NAMES,
  type DoorName,
  type LdapServerSettings,
  type LocatePorts,
  type LocateRequest,
  type LocateResult,
  type LocateRole,
  type LookupFault,
  type TraceStep,
  type Unusable,
  type Verdict,
} from './locate-types.ts';
export { LookupMemory } from './memory.ts';
export { type PathProof, type ProvePathRequest, provePath } from './prove-path.ts';
export { type Random, systemRandom } from './random.ts';
export { RevocationMemory, type RevocationMemoryOptions } from './revocation/memory.ts';
export type { ProofPorts } from './revocation/proof-ports.ts';
export { askForStatement } from './trial/ask.ts';
export type { DomainStatement } from './trial/statement.ts';
