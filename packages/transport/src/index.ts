/**
 * The way to a next hop: TLS rules and their check, routes, and the SMTP session up to MAIL FROM
 * that egress, call-forward and size probes share.
 */
export { type CallForward, type CallForwardOptions, createCallForward } from './call-forward.ts';
export { checkDane, type DaneCheck } from './dane/check-dane.ts';
export { type HostSource, locateTlsa, type TlsaFinding } from './dane/locate-tlsa.ts';
export { usableRecords } from './dane/tlsa-records.ts';
export { anchorsOf } from './https/anchors.ts';
export { type PostTarget, postJson } from './https/post-json.ts';
export { type FetchedMtaSts, fetchMtaSts } from './mta-sts/fetch.ts';
export {
  type KnownMtaSts,
  type MtaStsFinding,
  MtaStsLocator,
  type MtaStsStore,
} from './mta-sts/locate.ts';
export { allowsMx, type MtaStsPolicy } from './mta-sts/policy.ts';
export { readMtaStsId } from './mta-sts/record.ts';
export {
  type HostAddresses,
  type NextHop,
  type Route,
  type RouteRequest,
  type RouteRow,
  resolveRoute,
} from './route.ts';
export { type ClientCertificate, TlsContexts } from './smtp/contexts.ts';
export { decisionFor, openSession } from './smtp/open.ts';
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
export { decideTls } from './tls-demand.ts';
export { decideTogether, type FurtherRule } from './tls-demand-join.ts';
export {
  type TlsDecision,
  type TlsDemand,
  type TlsHopFacts,
  tlsDemandKey,
} from './tls-demand-types.ts';
export type { PublishedPolicy, TlsResult, TlsResultType } from './tls-result.ts';
export {
  asksMtaSts,
  asksTlsa,
  authenticates,
  isMandatory,
  type TlsAnchors,
  type TlsLevel,
  type TlsPin,
  type TlsRule,
  type TlsVersion,
  tlsRuleOf,
  withoutDiscovery,
} from './tls-rule.ts';
export { tlsRuleSchema } from './tls-rule-schema.ts';
export {
  MAX_REPORT_BYTES,
  type ParsedTlsReport,
  parseTlsReport,
  unpackTlsReport,
} from './tlsrpt/parse-report.ts';
export {
  failuresOf,
  type KeptReport,
  newestReports,
  readReport,
  reportFiles,
  successesOf,
} from './tlsrpt/received-reports.ts';
export { readReportUris } from './tlsrpt/record.ts';
export {
  type FailureDetail,
  formatTlsReport,
  type ReportedPolicy,
  type TlsReport,
  tlsReportFilename,
} from './tlsrpt/report.ts';
export {
  formatStoredReport,
  parseStoredReport,
  type StoredTlsReport,
  storedReportId,
  storedReportName,
} from './tlsrpt/stored-report.ts';
export { countsOf, type TlsCount, TlsTally, tlsCountSchema } from './tlsrpt/tally.ts';
