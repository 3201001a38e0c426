import type { QueueId } from '@sallyport/mail';
import type { QueueFileHeader } from './header.ts';

/** The envelope of what the gateway itself writes: from nobody, so that it is never answered. */
export function ownHeader(
  id: QueueId,
  of: {
    readonly to: string;
    readonly now: Date;
    readonly extra: Readonly<Record<string, string>>;
  },
): QueueFileHeader {
  return {
    version: 1,
    id,
    createdAt: of.now.toISOString(),
    origin: 'gateway',
    reversePath: '',
    forwardPaths: [{ path: of.to, notify: ['NEVER'] }],
    client: null,
    evidence: null,
    dsn: {},
    smtpUtf8: false,
    eightBit: false,
    requireTls: false,
    extra: of.extra,
  };
}
