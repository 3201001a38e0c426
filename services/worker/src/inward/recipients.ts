import { readFile, stat } from 'node:fs/promises';
import type { ReplyFaultId } from '@sallyport/faults';
import { isReservedLocalPart, type Mailbox, parseMailbox } from '@sallyport/mail';
import type { OwnDomain } from '../options.ts';

export type RecipientCheck = 'known' | 'unknown' | 'unavailable';

/** Asks a directory or the inner MTA whether a mailbox exists. */
export interface RecipientAsker {
  exists(mailbox: Mailbox): Promise<RecipientCheck>;
}

/**
 * Checks a RCPT of ours (design section 4, Routing): postmaster always, the authorities' names
 * never, everybody else by the domain's list, directory or inner MTA.
 *
 * @returns null if the recipient is taken.
 */
export async function checkRecipient(
  mailbox: Mailbox,
  askers: ReadonlyMap<string, RecipientAsker>,
): Promise<ReplyFaultId | null> {
  const asker = askers.get(mailbox.domain);
  if (asker === undefined) return 'relay-denied';
  const name = mailbox.localPart.toLowerCase();
  // RFC 5321 section 4.5.1: postmaster is accepted without regard to case.
  if (name === 'postmaster') return null;
  // RFC 3183 section 6, DS-N11: nobody may get mail under the authorities' names, or a
  // certificate by proving that they do.
  if (isReservedLocalPart(name)) return 'recipient-reserved';
  switch (await asker.exists(mailbox)) {
    case 'known':
      return null;
    case 'unknown':
      return 'recipient-unknown';
    default:
      return 'recipient-check-unavailable';
  }
}

const MAX_LIST_BYTES = 64 * 1024 * 1024;

/** A file with one address a line; `#` starts a comment. Read again when it changes. */
export function listAsker(domain: OwnDomain & { recipients: { kind: 'list' } }): RecipientAsker {
  const { file } = domain.recipients;
  let stamp = '';
  let names = new Set<string>();
  return {
    exists: async (mailbox) => {
      try {
        const found = await stat(file);
        if (found.size > MAX_LIST_BYTES) return 'unavailable';
        const present = `${found.ino}:${found.mtimeMs}:${found.size}`;
        if (present !== stamp) {
          names = parseList(await readFile(file, 'utf8'));
          stamp = present;
        }
        return names.has(keyOf(mailbox)) ? 'known' : 'unknown';
      } catch {
        return 'unavailable';
      }
    },
  };
}

function parseList(text: string): Set<string> {
  return new Set(
    text.split('\n').flatMap((line) => {
      const mailbox = parseMailbox((line.split('#', 1)[0] ?? '').trim());
      return mailbox === null ? [] : [keyOf(mailbox)];
    }),
  );
}

function keyOf(mailbox: Mailbox): string {
  return `${mailbox.localPart.toLowerCase()}@${mailbox.domain}`;
}
