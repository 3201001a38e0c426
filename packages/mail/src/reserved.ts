import type { Mailbox } from './mailbox.ts';

/**
 * The local-parts that RFC 3183 section 3.1.1 and 4.1 give to the authorities of a domain, folded.
 * No user has them, and nobody certifies them for one (RFC 3183 section 6).
 */
export const AUTHORITY_LOCAL_PARTS: ReadonlySet<string> = new Set([
  'domain-signing-authority',
  'domain-confidentiality-authority',
  'review-authority',
  'attribute-authority',
]);

/** True of the local-part of an authority, in any case of its letters (DS-N11). */
export function isReservedLocalPart(localPart: string): boolean {
  return AUTHORITY_LOCAL_PARTS.has(localPart.toLowerCase());
}

/**
 * The local-part at which a gateway takes TLS reports about its domain itself (RFC 8460): none of
 * them reaches a person, so nobody has it as a mailbox.
 */
export const TLS_REPORT_LOCAL_PART = 'tls-reports';

/** True of the address of TLS reports, whatever its domain. */
export function isTlsReportAddress({ localPart }: Pick<Mailbox, 'localPart'>): boolean {
  return localPart.toLowerCase() === TLS_REPORT_LOCAL_PART;
}
