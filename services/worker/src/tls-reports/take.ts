import { parseTlsReportMail } from '@sallyport/dsn';
import type { ReplyFaultId } from '@sallyport/faults';
import type { ClientFacts } from '@sallyport/ipc';
import type { Resolver } from '@sallyport/lookup';
import {
  type Content,
  isSameOrSubdomain,
  isTlsReportAddress,
  parseDomain,
  parseMailbox,
  readContent,
} from '@sallyport/mail';
import { parseTlsReport, type StoredTlsReport, unpackTlsReport } from '@sallyport/transport';
import { authenticate } from '../authentication/authenticate.ts';
import type { DkimFacts } from '../authentication/facts.ts';

/** RFC 8460 section 5.2 speaks of ten megabytes; ours are a few kilobytes. */
const MAX_MAIL_BYTES = 10 * 1024 * 1024;

export interface TakePorts {
  readonly resolver: Resolver;
  readonly authservId: string;
  readonly now: Date;
  readonly ownDomains: { has(domain: string): boolean };
}

export type Taken =
  | { readonly kind: 'report'; readonly stored: StoredTlsReport }
  | { readonly kind: 'refused'; readonly fault: ReplyFaultId; readonly sentence: string }
  /** Who sent it may be known in a while. */
  | { readonly kind: 'unknown' };

/** True if a message is for the gateway itself: all its recipients are addresses of TLS reports. */
export function isForTlsReports(forwardPaths: readonly string[]): boolean {
  return forwardPaths.every((path) => {
    const mailbox = parseMailbox(path);
    return mailbox !== null && isTlsReportAddress(mailbox);
  });
}

/**
 * Reads a TLS report about one of our domains (RFC 8460 section 5.3). It is taken from whoever proves
 * by DKIM that it is his own, and from nobody else; what it says of other domains is left out. No
 * partner rule applies: nobody gets it to read, and it must come through where TLS is broken.
 */
export async function takeTlsReport(
  mail: {
    readonly content: Content;
    readonly client: ClientFacts;
    readonly reversePath: string;
  },
  ports: TakePorts,
): Promise<Taken> {
  if (mail.content.sizeBytes > MAX_MAIL_BYTES) return refused('it is longer than 10 MiB');
  const parsed = parseTlsReportMail(await readContent(mail.content, MAX_MAIL_BYTES));
  if (parsed === null) return refused('it carries no TLS report');
  const { domain, dkimSignatures } = parsed;
  if (domain === null || !ports.ownDomains.has(domain)) {
    return refused('its TLS-Report-Domain is none of ours');
  }
  const { form, bytes } = parsed.report;
  const read = form === 'gzip' ? unpackTlsReport(bytes) : parseTlsReport(bytes);
  if (read.kind === 'malformed') return refused(`the report is malformed: ${read.reason}`);
  const { report } = read;
  const submitter = parseMailbox(report.contact)?.domain ?? null;
  // RFC 8460 section 5.3: the field and the report must say the same.
  if (submitter === null || parseDomain(parsed.submitter ?? '') !== submitter) {
    return refused('its TLS-Report-Submitter is not the domain of its contact');
  }
  // Without its client: nobody's word stands in for a signature that we verify ourselves.
  const { dkim } = await authenticate({ ...mail, client: null }, ports);
  const dkimDomain = provenBy(dkim, submitter, dkimSignatures);
  if (dkimDomain === null) {
    if (dkim.some(({ result }) => result === 'temperror')) return { kind: 'unknown' };
    return refused(`no DKIM signature of ${submitter} over it is valid`);
  }
  const policies = report.policies.filter((one) => isOurs(one.domain, ports));
  if (policies.length === 0) return refused('it says nothing of our domains');
  const receivedAt = ports.now;
  const stored = { domain, submitter, dkimDomain, receivedAt, report: { ...report, policies } };
  return { kind: 'report', stored };
}

/**
 * RFC 8460 section 3: signed by the reporting domain or one above it, and over the whole body: where
 * any signature of that domain is cut short (`l=`), which of them is valid cannot be told.
 */
function provenBy(
  dkim: readonly DkimFacts[],
  submitter: string,
  signatures: readonly string[],
): string | null {
  for (const { result, domain: text } of dkim) {
    const domain = parseDomain(text ?? '');
    if (result !== 'pass' || domain === null) continue;
    const sub = parseDomain(submitter);
    if (sub === null || !isSameOrSubdomain(sub, domain)) continue;
    const own = signatures.filter((one) => parseDomain(tagOf(one, 'd') ?? '') === domain);
    if (own.every((one) => tagOf(one, 'l') === null)) return domain;
  }
  return null;
}

/** The value of one tag (RFC 6376 section 3.2). */
function tagOf(signature: string, tag: 'd' | 'l'): string | null {
  for (const one of signature.split(';')) {
    const at = one.indexOf('=');
    if (at !== -1 && one.slice(0, at).trim() === tag) return one.slice(at + 1).trim();
  }
  return null;
}

/** Policies of ours, and of our hosts, which TLSA records stand for. */
function isOurs(text: string, { ownDomains, authservId }: TakePorts): boolean {
  if (text.toLowerCase() === authservId) return true;
  for (let name: string = parseDomain(text) ?? ''; name.includes('.'); ) {
    if (ownDomains.has(name)) return true;
    name = name.slice(name.indexOf('.') + 1);
  }
  return false;
}

function refused(what: string): Taken {
  const sentence = `Refused: a mail for TLS reports, and ${what}.`;
  return { kind: 'refused', fault: 'tls-report-refused', sentence };
}
