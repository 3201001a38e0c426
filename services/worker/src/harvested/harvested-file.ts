import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { formatMailbox, type Mailbox, parseJson } from '@sallyport/mail';
import { z } from 'zod';

/**
 * Certificates that verified mail of one mailbox carried, as a file. They are candidates and no
 * more: each needs its path when it is to be used. Derived: whoever deletes it loses candidates.
 */

const MAX_CERTIFICATES = 4;
const MAX_CERTIFICATE_BYTES = 8 * 1024;
/** Clocks differ by minutes; what lies further ahead would keep out what is to come. */
const MAX_AHEAD_MS = 5 * 60_000;
/** Mail travels for days. What is older comes from an archive, or from somebody who kept it. */
const MAX_AGE_MS = 30 * 86_400_000;

const entrySchema = z.strictObject({
  /** DER. */
  certificate: z.base64().max(Math.ceil(MAX_CERTIFICATE_BYTES / 3) * 4),
  signingTime: z.iso.datetime(),
  /** The message that brought it. */
  queueId: z.string().max(64),
});
/** One certificate, and the signature that spoke for it. */
export type HarvestedEntry = z.infer<typeof entrySchema>;

const fileSchema = z.strictObject({
  version: z.literal(1),
  mailbox: z.string().max(512),
  entries: z.array(entrySchema).max(MAX_CERTIFICATES),
});

/** Names start with it where no partner record applies. */
export const STRANGER_PREFIX = 'default-';
export const PARTNER_PREFIX = 'partner-';

/** Where the certificates of a mailbox lie. */
export function pathOf(folder: string, mailbox: Mailbox, prefix: string): string {
  const name = createHash('sha256').update(formatMailbox(mailbox)).digest('hex').slice(0, 40);
  return join(folder, `${prefix}${name}.json`);
}

export function formatFile(mailbox: Mailbox, entries: readonly HarvestedEntry[]): string {
  return `${JSON.stringify({ version: 1, mailbox: formatMailbox(mailbox), entries })}\n`;
}

/** @returns nothing for what is no such file: mail brings it again. */
export function parseFile(text: string): readonly HarvestedEntry[] {
  return fileSchema.safeParse(parseJson(text)).data?.entries ?? [];
}

/**
 * Takes in what a signed message brought, unless mail that was signed later brought something else:
 * old mail, sent again by whoever kept it, so brings back no old certificate.
 *
 * @returns null if nothing changes.
 */
export function takeIn(
  entries: readonly HarvestedEntry[],
  brought: HarvestedEntry,
  now: Date,
): readonly HarvestedEntry[] | null {
  if (Buffer.byteLength(brought.certificate, 'base64') > MAX_CERTIFICATE_BYTES) return null;
  const signedAt = Date.parse(brought.signingTime);
  if (signedAt > now.getTime() + MAX_AHEAD_MS || signedAt < now.getTime() - MAX_AGE_MS) return null;
  // Several certificates of one message have one signing time.
  const newest = Math.max(0, ...entries.map(({ signingTime }) => Date.parse(signingTime)));
  if (signedAt < newest) return null;
  if (entries[0]?.certificate === brought.certificate) return null;
  const others = entries.filter(({ certificate }) => certificate !== brought.certificate);
  return [brought, ...others].slice(0, MAX_CERTIFICATES);
}
