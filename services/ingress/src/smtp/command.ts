import { isIP } from 'node:net';

/** One command line, taken apart. */
export interface Command {
  /** Upper case. */
  readonly verb: string;
  /** What follows the first space, without white space at its ends. */
  readonly argument: string;
}

const VERB = /^[A-Za-z]{1,16}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a command line, its CRLF already taken off (RFC 5321 section 4.1.1, UTF-8 by RFC 6531).
 *
 * @returns null if it holds control characters, is no UTF-8, or does not begin with a word.
 */
export function parseCommand(line: Buffer): Command | null {
  const text = decodeText(line);
  if (text === null || CONTROL.test(text)) return null;
  const space = text.indexOf(' ');
  const verb = space < 0 ? text : text.slice(0, space);
  if (!VERB.test(verb)) return null;
  return { verb: verb.toUpperCase(), argument: space < 0 ? '' : text.slice(space + 1).trim() };
}

function decodeText(line: Buffer): string | null {
  const text = line.toString('latin1');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range says "is plain ASCII"
  if (/^[\u0000-\u007f]*$/.test(text)) return text;
  try {
    return utf8.decode(line);
  } catch {
    return null;
  }
}

const DOMAIN =
  /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/;
const ADDRESS_LITERAL = /^\[[A-Za-z0-9.:%_-]{1,100}\]$/;
const MAX_DOMAIN_OCTETS = 255; // RFC 5321 section 4.5.3.1.2

/**
 * Checks the argument of EHLO or HELO: a domain or an address literal (RFC 5321 section 4.1.1.1).
 * Bare addresses and underscores, which real clients send, pass; it is a name for the trace only.
 */
export function isHeloName(text: string): boolean {
  if (text.length === 0 || text.length > MAX_DOMAIN_OCTETS) return false;
  return DOMAIN.test(text) || ADDRESS_LITERAL.test(text) || isIP(text) !== 0;
}
