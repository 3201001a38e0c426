/**
 * The way to a next hop: TLS rules and their check, routes, and the SMTP session up to MAIL FROM
 * that egress, call-forward and size probes share.
 */
export { type CallForward, type CallForwardOptions, createCallForward } from './call-forward.ts';
export {
  type HostAddresses,
  type NextHop,
  type Route,
  type RouteRequest,
  type RouteRow,
  resolveRoute,
} from './route.ts';
export { type ClientCertificate, TlsContexts } from './smtp/contexts.ts';
export { openSession } from './smtp/open.ts';
export { formatReply, type ReplyRead, ReplyReader, type SmtpReply } from './smtp/reply.ts';
export {
  DEFAULT_SMTP_TIMEOUTS,
  type SessionFault,
  type SessionOpening,
  type SessionTls,
  type SmtpClientSettings,
  type SmtpSession,
  type SmtpTarget,
  type SmtpTimeouts,
  sizeLimit,
} from './smtp/session.ts';
export type { SmtpWire, WireAnswer } from './smtp/wire.ts';
export { checkTlsSession, type TlsCheck, type TlsSessionFacts } from './tls-check.ts';
export { matchesDnsName, subjectDnsNames } from './tls-name.ts';
export {
  isMandatory,
  type TlsAnchors,
  type TlsLevel,
  type TlsRule,
  type TlsVersion,
  tlsRuleKey,
  tlsRuleOf,
} from './tls-rule.ts';
