const MAX_COLUMNS = 78; // RFC 5322 section 2.1.1
const MAX_LINE = 998;
const FIELD_NAME = /^[\x21-\x39\x3b-\x7e]{1,200}$/;
const BREAKS = /[\r\n\0]/;

/** Text as header octets: UTF-8, one latin1 character per octet (RFC 6532). */
export function utf8Value(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/**
 * One header field with its CRLF, folded at white space before column 78.
 * `value` holds one character per octet (latin1), as `HeaderField.value` does; for text that is
 * not ASCII give `utf8Value(text)`.
 *
 * @throws RangeError for a name that is none, a value with CR, LF, NUL or a character above
 * U+00FF, and a word that no folding brings under 998 octets.
 */
export function formatField(name: string, value: string): Buffer {
  if (!FIELD_NAME.test(name)) throw new RangeError('not the name of a header field');
  if (BREAKS.test(value)) throw new RangeError(`the value of ${name} has a line end or NUL in it`);
  if (/[^\0-\xff]/.test(value)) throw new RangeError(`the value of ${name} is not octets`);
  return Buffer.from(`${fold(`${name}: ${value}`, name.length + 1)}\r\n`, 'latin1');
}

function fold(text: string, nameEnd: number): string {
  if (text.length <= MAX_COLUMNS) return text;
  const lines: string[] = [];
  let start = 0;
  let earliest = nameEnd + 1;
  while (text.length - start > MAX_COLUMNS) {
    const at = foldPoint(text, earliest, start + MAX_COLUMNS);
    if (at === -1) break;
    lines.push(text.slice(start, at));
    start = at;
    earliest = at + 1;
  }
  lines.push(text.slice(start));
  if (lines.some((line) => line.length > MAX_LINE)) {
    throw new RangeError('a word of the value is longer than a line may be');
  }
  return lines.join('\r\n');
}

/**
 * White space to fold at: the last before `limit`, else the first after it. Never at white space
 * that has only white space before or after it on its line: that would make an empty line.
 */
function foldPoint(text: string, earliest: number, limit: number): number {
  for (let at = limit; at > earliest; at -= 1) if (canFold(text, at)) return at;
  for (let at = limit + 1; at < text.length; at += 1) if (canFold(text, at)) return at;
  return -1;
}

function canFold(text: string, at: number): boolean {
  const next = text[at + 1];
  const before = text[at - 1];
  return isWsp(text[at]) && next !== undefined && !isWsp(next) && !isWsp(before);
}

function isWsp(char: string | undefined): boolean {
  return char === ' ' || char === '\t';
}
