const MAX_PARAMETERS = 200;
const MAX_SECTIONS = 100;
const NAME = /[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+/y;
const BARE = /[^\s;"()]+/y;

export interface Parameters {
  readonly parameters: Map<string, string>;
  /** A parameter that cannot be read, is there twice, or lacks a section. */
  readonly malformed: boolean;
}

/** The parameters of a field value from `at` on (RFC 2045 section 5.1, RFC 2231 sections 3 and 4). */
export function parseParameters(value: string, at: number): Parameters {
  const raw = new Map<string, string>();
  let malformed = false;
  let position = skipFill(value, at);
  while (position < value.length) {
    const read = readParameter(value, position);
    if (read === null || raw.size === MAX_PARAMETERS) {
      malformed = true;
      break;
    }
    if (raw.has(read.name)) malformed = true;
    else raw.set(read.name, read.text);
    position = skipFill(value, read.end);
    // Two parameters with no semicolon between them: readers disagree about the second.
    if (position < value.length && !value.slice(read.end, position).includes(';')) malformed = true;
  }
  const joined = joinSections(raw);
  return { parameters: joined.parameters, malformed: malformed || joined.malformed };
}

/** Past white space, comments and semicolons; a comment that never ends takes the rest. */
function skipFill(value: string, from: number): number {
  let depth = 0;
  let at = from;
  for (; at < value.length; at += 1) {
    const char = value[at];
    if (char === '(') depth += 1;
    else if (depth > 0) {
      if (char === ')') depth -= 1;
      else if (char === '\\') at += 1;
    } else if (char !== ';' && char !== ' ' && char !== '\t') return at;
  }
  return value.length;
}

function readParameter(
  value: string,
  at: number,
): { name: string; text: string; end: number } | null {
  NAME.lastIndex = at;
  const name = NAME.exec(value)?.[0];
  if (name === undefined) return null;
  const equals = skipSpace(value, at + name.length);
  if (value[equals] !== '=') return null;
  const start = skipSpace(value, equals + 1);
  const read = value[start] === '"' ? readQuoted(value, start + 1) : readBare(value, start);
  return read === null ? null : { name: name.toLowerCase(), ...read };
}

function skipSpace(value: string, from: number): number {
  let at = from;
  while (value[at] === ' ' || value[at] === '\t') at += 1;
  return at;
}

function readBare(value: string, at: number): { text: string; end: number } | null {
  BARE.lastIndex = at;
  const text = BARE.exec(value)?.[0];
  return text === undefined ? null : { text, end: at + text.length };
}

function readQuoted(value: string, open: number): { text: string; end: number } | null {
  let text = '';
  let start = open;
  for (let at = open; at < value.length; at += 1) {
    if (value[at] === '"') return { text: text + value.slice(start, at), end: at + 1 };
    if (value[at] === '\\') {
      text += value.slice(start, at);
      start = at + 1;
      at += 1;
    }
  }
  return null;
}

const SECTION = /^([^*]+)(?:\*(\d{1,3}))?(\*)?$/;

interface Section {
  readonly text: string;
  readonly encoded: boolean;
}

function joinSections(raw: ReadonlyMap<string, string>): Parameters {
  const parameters = new Map<string, string>();
  const split = new Map<string, Map<number, Section>>();
  let malformed = false;
  for (const [key, text] of raw) {
    const [, name = key, number, star] = SECTION.exec(key) ?? [];
    if (number === undefined && star === undefined) {
      parameters.set(name, text);
      continue;
    }
    const sections = split.get(name) ?? new Map<number, Section>();
    sections.set(Number(number ?? 0), { text, encoded: star !== undefined });
    split.set(name, sections);
  }
  for (const [name, sections] of split) {
    const text = sections.size > MAX_SECTIONS ? null : joinParameter(sections);
    // Readers disagree about which of the plain and the RFC 2231 form counts: the plain one, flagged.
    if (text === null || parameters.has(name)) malformed = true;
    else parameters.set(name, text);
  }
  return { parameters, malformed };
}

function joinParameter(sections: ReadonlyMap<number, Section>): string | null {
  let charset: string | null = null;
  const pieces: Buffer[] = [];
  for (let number = 0; number < sections.size; number += 1) {
    const section = sections.get(number);
    if (section === undefined) return null;
    let text = section.text;
    if (number === 0 && section.encoded) {
      const match = /^([^']*)'[^']*'(.*)$/s.exec(text);
      if (match === null) return null;
      charset = match[1] ?? '';
      text = match[2] ?? '';
    }
    pieces.push(section.encoded ? percentDecode(text) : Buffer.from(text, 'latin1'));
  }
  return decodeCharset(Buffer.concat(pieces), charset);
}

function percentDecode(text: string): Buffer {
  const octets = text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(octets, 'latin1');
}

/** Without a charset, or with one nobody knows, one character per octet. */
function decodeCharset(bytes: Buffer, charset: string | null): string {
  if (charset === null || charset === '') return bytes.toString('latin1');
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}
