import type { Mailbox } from '@sallyport/mail';
import { authors } from '@sallyport/mime';
import type { OpenedMessage } from './layers.ts';

/** Whom the message claims to come from, outside and inside its protection. */
export interface ClaimedOriginators {
  readonly mailboxes: readonly Mailbox[];
  /** Some From or Sender field cannot be understood, or is there twice. */
  readonly malformed: boolean;
}

/** Every RFC5322.From mailbox and Sender, of the outer header and of every entity inside (DS-N10). */
export function claimedOriginators(message: OpenedMessage): ClaimedOriginators {
  const headers = [
    message.root.header,
    ...message.layers.flatMap((layer) =>
      layer.kind !== 'broken' && layer.inside !== null ? [layer.inside.header] : [],
    ),
  ];
  const found = new Map<string, Mailbox>();
  let malformed = false;
  for (const [index, header] of headers.entries()) {
    const names = header.some((field) => /^(from|sender)$/i.test(field.name));
    if (!names && index > 0) continue;
    const claimed = authors(header);
    malformed ||= claimed.malformed;
    const mailboxes = [...claimed.from, ...(claimed.sender === null ? [] : [claimed.sender])];
    for (const mailbox of mailboxes) {
      found.set(`${mailbox.localPart.toLowerCase()}@${mailbox.domain}`, mailbox);
    }
  }
  return { mailboxes: [...found.values()], malformed };
}
