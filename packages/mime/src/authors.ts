import type { Mailbox } from '@sallyport/mail';
import { parseAddressList } from './address.ts';
import { fieldValues } from './entity.ts';
import type { HeaderField } from './header.ts';
import { DEFAULT_MIME_LIMITS, type MimeLimits } from './limits.ts';

/** Who the message says it is from (RFC 5322 section 3.6.2). */
export interface Authors {
  /** RFC5322.From. */
  readonly from: readonly Mailbox[];
  /** RFC5322.Sender. */
  readonly sender: Mailbox | null;
  /** True if the author is in doubt; then nothing may be signed in an author's name. */
  readonly malformed: boolean;
  /** Why it is malformed: a sentence; empty otherwise. */
  readonly reason: string;
}

/** The authors of a message. Exactly one From field with one mailbox or more, at most one Sender. */
export function authors(
  header: readonly HeaderField[],
  limits: MimeLimits = DEFAULT_MIME_LIMITS,
): Authors {
  const fromFields = fieldValues(header, 'from');
  const senderFields = fieldValues(header, 'sender');
  const from =
    fromFields.length === 1 ? parseAddressList(fromFields[0] ?? '', limits.maxAddresses) : null;
  const senders = senderFields.length === 1 ? parseAddressList(senderFields[0] ?? '', 1) : null;
  const sender = senders?.[0] ?? null;
  const reason = authorFault({
    fromFields: fromFields.length,
    from: from?.length ?? null,
    senderMissing: senderFields.length > 0 && sender === null,
  });
  return { from: from ?? [], sender, malformed: reason !== '', reason };
}

interface AuthorFacts {
  readonly fromFields: number;
  readonly from: number | null;
  readonly senderMissing: boolean;
}

function authorFault({ fromFields, from, senderMissing }: AuthorFacts): string {
  if (fromFields === 0) return 'The message has no From field.';
  if (fromFields > 1) return 'The message has several From fields.';
  if (from === null) return 'The From field is not a list of mailboxes.';
  if (from === 0) return 'The From field names no mailbox.';
  return senderMissing ? 'The Sender field is not one mailbox.' : '';
}
