import type { Mailbox } from '@sallyport/mail';
import { authors, type HeaderField } from '@sallyport/mime';
import type { OpenedMessage } from './layers.ts';

interface Claim {
  readonly mailboxes: readonly Mailbox[];
  readonly malformed: boolean;
}

/** Whom the message claims to come from, outside and inside its protection. */
export interface ClaimedOriginators {
  readonly mailboxes: readonly Mailbox[];
  /** Some From or Sender field cannot be understood, or is there twice. */
  readonly malformed: boolean;
  /** What everybody on the way could read: the outer header alone. */
  readonly outer: Claim;
  /** What the protected header says (RFC 9788 section 4.4); null if it names no author. */
  readonly protected: Claim | null;
}

/** Every RFC5322.From mailbox and Sender, of the outer header and of every entity inside (DS-N10). */
export function claimedOriginators(message: OpenedMessage): ClaimedOriginators {
  const outer = claimedBy(message.root.header);
  const { carrier, from } = message.protectedHeader;
  const guarded = carrier === null || from === null ? null : claimedBy(carrier.header);
  const inner = message.layers
    .flatMap((layer) =>
      layer.kind !== 'broken' && layer.inside !== null ? [layer.inside.header] : [],
    )
    .filter((header) => header.some((field) => /^(from|sender)$/i.test(field.name)))
    .map(claimedBy);
  const all = [outer, ...inner, ...(guarded === null ? [] : [guarded])];
  const found = new Map<string, Mailbox>();
  for (const mailbox of all.flatMap((claim) => claim.mailboxes)) {
    found.set(mailboxKey(mailbox), mailbox);
  }
  const malformed = all.some((claim) => claim.malformed);
  return { mailboxes: [...found.values()], malformed, outer, protected: guarded };
}

function claimedBy(header: readonly HeaderField[]): Claim {
  const { from, sender, malformed } = authors(header);
  return { mailboxes: [...from, ...(sender === null ? [] : [sender])], malformed };
}

/** The same for two mailboxes that are one. */
export function mailboxKey({ localPart, domain }: Mailbox): string {
  // ASCII case only: to full Unicode folding the Kelvin sign is a k.
  return `${localPart.replace(/[A-Z]/g, (letter) => letter.toLowerCase())}@${domain}`;
}
