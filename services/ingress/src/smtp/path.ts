import { type Mailbox, NULL_PATH, parseMailbox, type ReversePath } from '@sallyport/mail';

/** The argument of MAIL or RCPT: the path between the angle brackets, then the parameters. */
export interface PathArgument {
  readonly path: string;
  readonly parameters: string;
}

/**
 * Takes `FROM:<path> parameters` apart. White space behind the colon, which RFC 5321 section 3.3
 * forbids and many clients send, passes.
 *
 * @returns null if the word, the colon or an angle bracket is missing.
 */
export function splitPathArgument(argument: string, word: 'FROM' | 'TO'): PathArgument | null {
  const head = argument.slice(0, word.length + 1).toUpperCase();
  if (head !== `${word}:`) return null;
  const rest = argument.slice(word.length + 1).trimStart();
  if (!rest.startsWith('<')) return null;
  const end = closingBracket(rest);
  if (end < 0) return null;
  const parameters = rest.slice(end + 1);
  if (parameters !== '' && !parameters.startsWith(' ')) return null;
  return { path: rest.slice(1, end), parameters: parameters.trim() };
}

/** The first `>` that is not inside a quoted local-part. */
function closingBracket(text: string): number {
  let quoted = false;
  for (let at = 1; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === '>' && !quoted) return at;
  }
  return -1;
}

// RFC 5321 appendix C: a source route is accepted and ignored.
const SOURCE_ROUTE = /^@[^<>"\s]*:/;

/** @returns null if it is neither a mailbox nor the empty string of the null reverse-path. */
export function parseReversePathText(text: string): ReversePath | null {
  return text === '' ? NULL_PATH : parseMailbox(text.replace(SOURCE_ROUTE, ''));
}

/**
 * RFC 5321 section 4.5.1: `<postmaster>` without a domain is a mailbox of this host.
 *
 * @returns null if it is no mailbox.
 */
export function parseForwardPathText(text: string, postmaster: Mailbox): Mailbox | null {
  if (text.toLowerCase() === 'postmaster') return postmaster;
  return parseMailbox(text.replace(SOURCE_ROUTE, ''));
}

/** True if the text needs SMTPUTF8 (RFC 6531 section 3.4). */
export function isInternational(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range says "is plain ASCII"
  return !/^[\u0000-\u007f]*$/.test(text);
}
