import { formatMailbox, parseMailbox } from '@sallyport/mail';

/**
 * The form in which addresses are compared here: the domain as A-labels in lower case, the
 * local-part without regard to ASCII case (RFC 8550 section 3). Null if it is no mailbox.
 */
export function foldAddress(text: string): string | null {
  const mailbox = parseMailbox(text);
  if (mailbox === null) return null;
  // Not toLowerCase: it folds all of Unicode, and two mailboxes could become one.
  return formatMailbox(mailbox).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
