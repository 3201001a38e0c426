/** Delivery status notifications (RFC 3464, RFC 6522, RFC 6533): written, and read for correlation. */
export { type DsnFacts, type DsnRecipient, formatDsn } from './format.ts';
export { type ParseDsn, type ParsedDsn, parseDsn, type ReportedRecipient } from './parse.ts';
