/**
 * Delivery status notifications (RFC 3464, RFC 6522, RFC 6533): written, and read for correlation.
 * The mail of TLS reports (RFC 8460): written and read.
 */
export { type DsnFacts, type DsnRecipient, formatDsn } from './format.ts';
export { type ParseDsn, type ParsedDsn, parseDsn, type ReportedRecipient } from './parse.ts';
export { type ParsedTlsReportMail, parseTlsReportMail } from './parse-tls-report.ts';
export { formatTlsReportMail, type TlsReportMail } from './tls-report.ts';
