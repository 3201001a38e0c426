import type { QueueId } from '@sallyport/mail';
import type { QueueFileHeader } from './header.ts';
import { ownHeader } from './own-header.ts';

/** The envelope of a TLS report of ours: from nobody, so that no report is ever answered. */
export function tlsReportHeader(
  id: QueueId,
  { to, domain, now }: { readonly to: string; readonly domain: string; readonly now: Date },
): QueueFileHeader {
  return ownHeader(id, { to, now, extra: { tlsReport: domain } });
}

/** True of mail with such an envelope, on its whole way: nobody but egress makes it. */
export function isTlsReport({ origin, extra }: QueueFileHeader): boolean {
  return origin === 'gateway' && typeof extra['tlsReport'] === 'string';
}
