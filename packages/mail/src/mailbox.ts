import { type Domain, parseDomain } from './domain.ts';

/** RFC 5321 section 2.4: the case of the local-part is kept as received. */
export interface Mailbox {
  readonly localPart: string;
  readonly domain: Domain;
}

/** RFC 5321 section 4.5.5: the null reverse-path is a value of its own, not an empty string. */
export type ReversePath = Mailbox | { readonly null: true };

/** Where one copy of a message is to go. */
export type ForwardPath = Mailbox;

/** RFC 5321 section 2.3.1: what the transaction said, apart from what the message says. */
export interface Envelope {
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
}

export const NULL_PATH: ReversePath = { null: true };

const MAX_LOCAL_PART_OCTETS = 64; // RFC 5321 section 4.5.3.1.1
const MAX_PATH_OCTETS = 254;
// RFC 5321 section 4.1.2 Dot-string, with UTF8-non-ascii of RFC 6531 section 3.3
const DOT_STRING =
  /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\u{10ffff}]+(\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\u{10ffff}]+)*$/u;
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\u{10ffff}]|\\[\x20-\x7e])*)"$/u;

/**
 * Parses `local-part@domain` (RFC 5321 section 4.1.2 Mailbox; no source route, no address literal).
 * A quoted local-part that needs no quotes is the same mailbox as the unquoted one.
 *
 * @returns null if it is no mailbox.
 */
export function parseMailbox(text: string): Mailbox | null {
  const at = text.lastIndexOf('@');
  if (at <= 0) return null;
  const domain = parseDomain(text.slice(at + 1));
  const localPart = parseLocalPart(text.slice(0, at));
  if (domain === null || localPart === null) return null;
  if (Buffer.byteLength(localPart) > MAX_LOCAL_PART_OCTETS) return null;
  if (Buffer.byteLength(localPart) + 1 + domain.length > MAX_PATH_OCTETS) return null;
  return { localPart, domain };
}

function parseLocalPart(text: string): string | null {
  if (DOT_STRING.test(text)) return text;
  const quoted = QUOTED.exec(text)?.[1];
  return quoted === undefined ? null : quoted.replace(/\\(.)/gu, '$1');
}

/** The wire form, without angle brackets; a local-part that needs quotes gets them. */
export function formatMailbox(mailbox: Mailbox): string {
  const local = DOT_STRING.test(mailbox.localPart)
    ? mailbox.localPart
    : `"${mailbox.localPart.replace(/["\\]/gu, '\\$&')}"`;
  return `${local}@${mailbox.domain}`;
}

/** Parses what stands between the angle brackets of MAIL FROM; the empty string is the null reverse-path. */
export function parseReversePath(text: string): ReversePath | null {
  return text === '' ? NULL_PATH : parseMailbox(text);
}

/** The empty string for the null reverse-path. */
export function formatReversePath(path: ReversePath): string {
  return isNullPath(path) ? '' : formatMailbox(path);
}

/** True of the null reverse-path (RFC 5321 section 4.5.5). */
export function isNullPath(path: ReversePath): path is { readonly null: true } {
  return 'null' in path;
}

/**
 * True for the same domain and the same local-part without regard to ASCII case
 * (RFC 8550 section 3: the domain MUST, the local-part SHOULD be compared so).
 */
export function sameMailbox(a: Mailbox, b: Mailbox): boolean {
  return a.domain === b.domain && foldAscii(a.localPart) === foldAscii(b.localPart);
}

// Not toLowerCase: it folds all of Unicode, and the Kelvin sign is no k.
function foldAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
