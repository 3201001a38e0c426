import type { Mailbox } from '@sallyport/mail';
import { authors, type HeaderField } from '@sallyport/mime';
import type { OpenedMessage } from './layers.ts';

/** Whom the message claims to come from, outside and inside its protection. */
export interface ClaimedOriginators {
  readonly mailboxes: readonly Mailbox[];
  /** Some From or Sender field cannot be understood, or is there twice. */
  readonly malformed: boolean;
  /** What everybody on the way could read: the outer header alone. */
  readonly outer: { readonly mailboxes: readonly Mailbox[]; readonly malformed: boolean };
}

/** Every RFC5322.From mailbox and Sender, of the outer header and of every entity inside (DS-N10). */
export function claimedOriginators(message: OpenedMessage): ClaimedOriginators {
  const outer = claimedBy(message.root.header);
  const inner = message.layers
    .flatMap((layer) =>
      layer.kind !== 'broken' && layer.inside !== null ? [layer.inside.header] : [],
    )
    .filter((header) => header.some((field) => /^(from|sender)$/i.test(field.name)))
    .map(claimedBy);
  const found = new Map<string, Mailbox>();
  for (const mailbox of [outer, ...inner].flatMap((claim) => claim.mailboxes)) {
    // ASCII case only: to full Unicode folding the Kelvin sign is a k.
    const localPart = mailbox.localPart.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    found.set(`${localPart}@${mailbox.domain}`, mailbox);
  }
  const malformed = [outer, ...inner].some((claim) => claim.malformed);
  return { mailboxes: [...found.values()], malformed, outer };
}

function claimedBy(header: readonly HeaderField[]): ClaimedOriginators['outer'] {
  const { from, sender, malformed } = authors(header);
  return { mailboxes: [...from, ...(sender === null ? [] : [sender])], malformed };
}
