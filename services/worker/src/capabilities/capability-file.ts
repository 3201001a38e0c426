import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Domain, parseJson } from '@sallyport/mail';
import { z } from 'zod';

/**
 * What signers of one partner domain announced, as a file: one for each domain and the rule under
 * which they were believed. Derived: whoever deletes it loses a preference, and nothing else.
 */

const MAX_WORDS = 64;
const MAX_MAILBOXES = 16;
/** Kept of those who sign for the domain, and of those who sign for themselves. */
const MAX_SIGNERS = { domain: 8, originator: 64 } as const;
/** Clocks differ by minutes; RFC 8551 section 2.7.1 forbids what lies far in the future. */
const MAX_AHEAD_MS = 5 * 60_000;
/** Mail travels for days. What is older comes from an archive, or from somebody who kept it. */
const MAX_AGE_MS = 30 * 86_400_000;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.iso.datetime();
const word = z.string().min(1).max(64);

const entrySchema = z.strictObject({
  /** SHA-256 of the signer's SubjectPublicKeyInfo: the list belongs to the key. */
  key: hash,
  /** SHA-256 of the certificate that was validated. */
  certificate: hash,
  role: z.enum(['domain', 'originator']),
  /** Whom the certificate names in this domain. */
  mailboxes: z.array(z.string().max(320)).max(MAX_MAILBOXES),
  /** When the certificate ends: after it the list says nothing. */
  notAfter: time,
  signingTime: time,
  /** The message that taught it. */
  queueId: z.string().max(64),
  capabilities: z.array(word).max(MAX_WORDS),
  /** Issuer and serial, or key identifier, of the certificate that mail is wanted for. */
  keyPreference: z.string().max(4_096).nullable(),
});
export type Entry = z.infer<typeof entrySchema>;

const fileSchema = z.strictObject({
  version: z.literal(1),
  domain: z.string().max(255),
  rule: z.string().max(512),
  entries: z.array(entrySchema).max(MAX_SIGNERS.domain + MAX_SIGNERS.originator),
});

/** Where the announcements about a domain lie. Rules of partners never push out each other. */
export interface Place {
  /** `partner:NAME` or `default`. */
  readonly rule: string;
  readonly domain: Domain;
}

/** Names start with it where no partner record applies. */
export const DEFAULT_PREFIX = 'default-';
export const PARTNER_PREFIX = 'partner-';

export function pathOf(folder: string, { rule, domain }: Place): string {
  const name = createHash('sha256').update(`${rule}\n${domain}`).digest('hex').slice(0, 40);
  return join(folder, `${rule === 'default' ? DEFAULT_PREFIX : PARTNER_PREFIX}${name}.json`);
}

export function formatFile(place: Place, entries: readonly Entry[]): string {
  return `${JSON.stringify({ version: 1, ...place, entries })}\n`;
}

/** @returns nothing for what is no such file: it is learned anew. */
export function parseFile(text: string): readonly Entry[] {
  return fileSchema.safeParse(parseJson(text)).data?.entries ?? [];
}

/** Leaves out what a file cannot hold; what stands first is what the signer prefers. */
export function boundedWords(words: readonly string[]): string[] {
  return words.filter((one) => one.length <= 64).slice(0, MAX_WORDS);
}

export function boundedMailboxes(mailboxes: readonly string[]): string[] {
  return mailboxes.filter((one) => one.length <= 320).slice(0, MAX_MAILBOXES);
}

export type Outcome = 'new' | 'changed' | 'refreshed' | 'older' | 'in-future' | 'too-old';

/**
 * Takes in what a signer announced in a message whose signature was verified (RFC 8551 section
 * 2.7.1): only if it was signed after what is known. Old mail, sent again by whoever kept it, so
 * changes nothing.
 */
export function takeIn(
  entries: readonly Entry[],
  heard: Entry,
  now: Date,
): { readonly outcome: Outcome; readonly known: Entry | null; readonly entries: readonly Entry[] } {
  const known = entries.find((one) => one.key === heard.key && one.role === heard.role) ?? null;
  const unchanged = (outcome: Outcome) => ({ outcome, known, entries });
  const signedAt = Date.parse(heard.signingTime);
  if (signedAt > now.getTime() + MAX_AHEAD_MS) return unchanged('in-future');
  if (signedAt < now.getTime() - MAX_AGE_MS) return unchanged('too-old');
  if (known !== null && signedAt <= Date.parse(known.signingTime)) return unchanged('older');
  const others = entries.filter((one) => one !== known);
  const outcome = known === null ? 'new' : isSame(known, heard) ? 'refreshed' : 'changed';
  return { outcome, known, entries: bounded([heard, ...others]) };
}

/** True if two announcements say the same. */
export function isSame(one: Entry, other: Entry): boolean {
  return (
    one.capabilities.join() === other.capabilities.join() &&
    one.keyPreference === other.keyPreference
  );
}

/** Newest first; of each role only so many, so that people of a domain never push out its authority. */
function bounded(entries: readonly Entry[]): readonly Entry[] {
  const sorted = entries.toSorted((a, b) => Date.parse(b.signingTime) - Date.parse(a.signingTime));
  const ofRole = (role: Entry['role']): readonly Entry[] =>
    sorted.filter((one) => one.role === role).slice(0, MAX_SIGNERS[role]);
  return [...ofRole('domain'), ...ofRole('originator')];
}
