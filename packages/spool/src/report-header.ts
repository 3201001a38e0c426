import type { QueueId } from '@sallyport/mail';
import type { QueueFileHeader } from './header.ts';
import { ownHeader } from './own-header.ts';

/** The envelope of a report about a message: from nobody, to the message's reverse-path. */
export function reportHeader(about: QueueFileHeader, id: QueueId, now: Date): QueueFileHeader {
  return {
    ...ownHeader(id, { to: about.reversePath, now, extra: { reportFor: about.id } }),
    smtpUtf8: about.smtpUtf8,
    // RFC 8689 section 5: a report inherits the demand of the message that it is about.
    requireTls: about.requireTls,
  };
}
