import { firstValue, type ReportField, readPart, splitParts } from './report-bytes.ts';

/** What a report mail carries. Nothing in it is proved. */
export interface ParsedTlsReportMail {
  /** TLS-Report-Domain, lower case; null if it is not there once. */
  readonly domain: string | null;
  /** TLS-Report-Submitter, lower case; null if it is not there once. */
  readonly submitter: string | null;
  /** Every DKIM-Signature of its header, unfolded. */
  readonly dkimSignatures: readonly string[];
  /** The report; `gzip` is still packed. */
  readonly report: { readonly form: 'gzip' | 'json'; readonly bytes: Buffer };
}

const MAX_NAME = 255;

/**
 * Reads the mail of a TLS report (RFC 8460 section 5.3) out of a whole message, which the caller
 * has bounded. The report may be compressed or not, and stands in a multipart or is the body.
 *
 * @returns null if it carries none.
 */
export function parseTlsReportMail(message: Buffer): ParsedTlsReportMail | null {
  const root = readPart(message);
  const pieces = root.boundary === null ? [] : splitParts(root.body, root.boundary).map(readPart);
  for (const part of [root, ...pieces]) {
    const form = FORMS.get(part.type);
    if (form === undefined) continue;
    return {
      domain: only(root.fields, 'tls-report-domain'),
      submitter: only(root.fields, 'tls-report-submitter'),
      dkimSignatures: root.fields.flatMap(({ name, value }) =>
        name === 'dkim-signature' ? [value] : [],
      ),
      report: { form, bytes: part.body },
    };
  }
  return null;
}

const FORMS: ReadonlyMap<string, 'gzip' | 'json'> = new Map([
  ['application/tlsrpt+gzip', 'gzip'],
  ['application/tlsrpt+json', 'json'],
]);

function only(fields: readonly ReportField[], name: string): string | null {
  const value = firstValue(fields, name);
  const isOnce = fields.filter((one) => one.name === name).length === 1;
  return isOnce && value !== null && value.length <= MAX_NAME ? value.trim().toLowerCase() : null;
}
