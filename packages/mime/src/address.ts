import { type Mailbox, parseMailbox } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS } from './limits.ts';

interface Token {
  readonly kind: 'atom' | 'quoted' | 'literal' | 'special';
  readonly text: string;
  /** White space or a comment stands before it. */
  readonly spaced: boolean;
}

interface Word {
  readonly kind: 'atom' | 'quoted' | 'literal' | 'special';
  readonly text: string;
  readonly end: number;
}

const MAX_LIST_CHARS = 1024 * 1024;
const SPECIALS = '<>,:;@.';
// RFC 5322 section 3.2.3 atext, with UTF8-non-ascii of RFC 6532 section 3.2
const ATEXT = /[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\u{10ffff}]+/uy;

/**
 * Parses an address list (RFC 5322 section 3.4): groups, comments and quoted strings; display
 * names are passed over and never decoded. `value` is a header value (latin1) or text.
 *
 * Route addresses, encoded words within an address, address literals and anything that two
 * readers could take for two different mailboxes make it null.
 *
 * @returns null if it is malformed, or has more than `maxAddresses` mailboxes.
 */
export function parseAddressList(
  value: string,
  maxAddresses: number = DEFAULT_MIME_LIMITS.maxAddresses,
): Mailbox[] | null {
  if (value.length > MAX_LIST_CHARS) return null;
  const tokens = tokenize(utf8Text(value));
  return tokens === null ? null : readList(tokens, maxAddresses);
}

/**
 * Header octets (latin1) as UTF-8 text; text that is no latin1 stays. Octets that are no UTF-8
 * become U+FFFD, which is welcome in a display name and refused in an address.
 */
export function utf8Text(value: string): string {
  if (!/[^\0-\x7f]/.test(value) || /[^\0-\xff]/.test(value)) return value;
  return Buffer.from(value, 'latin1').toString('utf8');
}

function tokenize(text: string): Token[] | null {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const start = skipSpace(text, at);
    if (start === -1) return null;
    if (start === text.length) break;
    const word = readWord(text, start);
    if (word === null) return null;
    tokens.push({ kind: word.kind, text: word.text, spaced: start > at });
    at = word.end;
  }
  return tokens;
}

/** Past white space and comments (CFWS); -1 if a comment does not end. */
function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const char = text[at];
    if (char === ' ' || char === '\t') at += 1;
    else if (char !== '(') break;
    else {
      at = skipComment(text, at);
      if (at === -1) return -1;
    }
  }
  return at;
}

function readWord(text: string, at: number): Word | null {
  const char = text[at] ?? '';
  if (SPECIALS.includes(char)) return { kind: 'special', text: char, end: at + 1 };
  if (char === '"') return readDelimited(text, at, { kind: 'quoted', close: '"' });
  if (char === '[') return readDelimited(text, at, { kind: 'literal', close: ']' });
  ATEXT.lastIndex = at;
  const atom = ATEXT.exec(text)?.[0];
  return atom === undefined ? null : { kind: 'atom', text: atom, end: at + atom.length };
}

interface Delimited {
  readonly kind: 'quoted' | 'literal';
  readonly close: string;
}

function readDelimited(text: string, open: number, { kind, close }: Delimited): Word | null {
  let start = open + 1;
  let content = '';
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === close) return { kind, text: content + text.slice(start, at), end: at + 1 };
    if (text[at] === '\\') {
      content += text.slice(start, at);
      start = at + 1;
      at += 1;
    }
  }
  return null;
}

/** Comments nest (RFC 5322 section 3.2.2); counted, not recursed into. */
function skipComment(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\\') at += 1;
    else if (char === '(') depth += 1;
    else if (char === ')') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

/** Cuts at commas and groups; each piece is one mailbox or, RFC 5322 section 4.4, empty. */
class ListReader {
  readonly mailboxes: Mailbox[] = [];
  #piece: Token[] = [];
  #inGroup = false;
  readonly #maxAddresses: number;

  constructor(maxAddresses: number) {
    this.#maxAddresses = maxAddresses;
  }

  /** False if the list cannot go on with this token. */
  take(token: Token): boolean {
    switch (token.kind === 'special' ? token.text : '') {
      case ':':
        return this.#startGroup();
      case ';':
        return this.#endPiece() && this.#endGroup();
      case ',':
        return this.#endPiece();
      default:
        this.#piece.push(token);
        return true;
    }
  }

  /** False if the list may not end here. */
  end(): boolean {
    return this.#endPiece() && !this.#inGroup;
  }

  #startGroup(): boolean {
    if (this.#inGroup || !isPhrase(this.#piece)) return false;
    this.#inGroup = true;
    this.#piece = [];
    return true;
  }

  #endGroup(): boolean {
    const wasOpen = this.#inGroup;
    this.#inGroup = false;
    return wasOpen;
  }

  #endPiece(): boolean {
    if (this.#piece.length === 0) return true;
    const mailbox = readMailbox(this.#piece);
    this.#piece = [];
    if (mailbox === null || this.mailboxes.length === this.#maxAddresses) return false;
    this.mailboxes.push(mailbox);
    return true;
  }
}

function readList(tokens: readonly Token[], maxAddresses: number): Mailbox[] | null {
  const reader = new ListReader(maxAddresses);
  return tokens.every((token) => reader.take(token)) && reader.end() ? reader.mailboxes : null;
}

/** RFC 5322 section 3.2.5 and, for the full stops, section 4.1. */
function isPhrase(tokens: readonly Token[]): boolean {
  return (
    tokens.length > 0 &&
    tokens[0]?.kind !== 'special' &&
    tokens.every((token) =>
      token.kind === 'special' ? token.text === '.' : token.kind !== 'literal',
    )
  );
}

function readMailbox(tokens: readonly Token[]): Mailbox | null {
  const open = tokens.findIndex((token) => token.kind === 'special' && token.text === '<');
  if (open === -1) return readAddrSpec(tokens);
  const last = tokens.at(-1);
  const closes = last?.kind === 'special' && last.text === '>';
  const named = open === 0 || isPhrase(tokens.slice(0, open));
  return closes && named ? readAddrSpec(tokens.slice(open + 1, -1)) : null;
}

const ENCODED_WORD = /=\?|\?=/;

// RFC 2047 section 5: an encoded word is never within an addr-spec. A reader that decodes it sees
// another mailbox, and so does one that knows what the octets stood for that are no UTF-8.
function isAmbiguous(local: string): boolean {
  return ENCODED_WORD.test(local) || local.includes('\ufffd');
}

function readAddrSpec(tokens: readonly Token[]): Mailbox | null {
  const at = tokens.findIndex((token) => token.kind === 'special' && token.text === '@');
  if (at < 1) return null;
  const domain = dotAtom(tokens.slice(at + 1));
  if (domain === null) return null;
  const first = tokens[0];
  if (at === 1 && first?.kind === 'quoted') {
    if (isAmbiguous(first.text)) return null;
    return parseMailbox(`"${first.text.replaceAll(/["\\]/g, '\\$&')}"@${domain}`);
  }
  const local = dotAtom(tokens.slice(0, at));
  if (local === null || isAmbiguous(local)) return null;
  return parseMailbox(`${local}@${domain}`);
}

/**
 * atom *("." atom), else null. White space and comments within (RFC 5322 section 4.4) are refused:
 * readers disagree about where such an address ends.
 */
function dotAtom(tokens: readonly Token[]): string | null {
  if (tokens.length % 2 === 0) return null;
  let text = '';
  for (const [index, token] of tokens.entries()) {
    const isDot = token.kind === 'special' && token.text === '.';
    if (index % 2 === 0 ? token.kind !== 'atom' : !isDot) return null;
    if (index > 0 && token.spaced) return null;
    text += token.text;
  }
  return text;
}
