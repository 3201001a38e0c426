/**
 * Finding things out there: DNS (own stub), mail routes, partners' certificates behind one
 * resolver of doors, and recipients in a directory.
 */

export { isPublicAddress } from './address.ts';
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
export { type RecipientCheck, type RecipientQuery, recipientExists } from './ldap/recipient.ts';
export { locateCertificates } from './locate.ts';
export {
  type Candidate,
  type CandidateVerdict,
  DOOR_NAMES,
  type DoorName,
  type LocatePorts,
  type LocateRequest,
  type LocateResult,
  type LookupFault,
  type TraceStep,
  type Unusable,
} from './locate-types.ts';
export { LookupMemory } from './memory.ts';
export { type Random, systemRandom } from './random.ts';
