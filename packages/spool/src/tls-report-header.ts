import type { QueueId } from '@sallyport/mail';
import type { QueueFileHeader } from './header.ts';

/** The envelope of a TLS report of ours: from nobody, so that no report is ever answered. */
export function tlsReportHeader(
  id: QueueId,
  { to, domain, now }: { readonly to: string; readonly domain: string; readonly now: Date },
): QueueFileHeader {
  return {
    version: 1,
    id,
    createdAt: now.toISOString(),
    origin: 'gateway',
    reversePath: '',
    forwardPaths: [{ path: to, notify: ['NEVER'] }],
    client: null,
    evidence: null,
    dsn: {},
    smtpUtf8: false,
    eightBit: false,
    requireTls: false,
    extra: { tlsReport: domain },
  };
}

/** True of mail with such an envelope, on its whole way: nobody but egress makes it. */
export function isTlsReport({ origin, extra }: QueueFileHeader): boolean {
  return origin === 'gateway' && typeof extra['tlsReport'] === 'string';
}
