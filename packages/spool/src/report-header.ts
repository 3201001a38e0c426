import type { QueueId } from '@sallyport/mail';
import type { QueueFileHeader } from './header.ts';

/** The envelope of a report about a message: from nobody, to the message's reverse-path. */
export function reportHeader(about: QueueFileHeader, id: QueueId, now: Date): QueueFileHeader {
  return {
    version: 1,
    id,
    createdAt: now.toISOString(),
    origin: 'gateway',
    reversePath: '',
    forwardPaths: [{ path: about.reversePath, notify: ['NEVER'] }],
    client: null,
    evidence: null,
    dsn: {},
    smtpUtf8: about.smtpUtf8,
    eightBit: false,
    // RFC 8689 section 5: a report inherits the demand of the message that it is about.
    requireTls: about.requireTls,
    extra: { reportFor: about.id },
  };
}
