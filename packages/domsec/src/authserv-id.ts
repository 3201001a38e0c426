/** As far as CFWS nests; deeper is no honest comment. */
const MAX_COMMENT_DEPTH = 20;

/**
 * The authserv-id of an Authentication-Results value (RFC 8601 section 2.2): CFWS may stand before
 * it, and it may be a quoted-string. Text above ASCII is UTF-8 (RFC 6532).
 *
 * @returns null if there is none.
 */
export function authservIdOf(value: string): string | null {
  const text = Buffer.from(value, 'latin1').toString('utf8');
  const start = afterCfws(text);
  if (start === null) return null;
  const id = text[start] === '"' ? quotedAt(text, start + 1) : tokenAt(text, start);
  return id === '' ? null : id;
}

function afterCfws(text: string): number | null {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char === '(') depth += 1;
    else if (depth > 0 && char === '\\') at += 1;
    else if (depth > 0 && char === ')') depth -= 1;
    else if (depth === 0 && !/\s/.test(char)) return at;
    if (depth > MAX_COMMENT_DEPTH) return null;
  }
  return null;
}

function tokenAt(text: string, start: number): string {
  return /^[^\s;()"]*/.exec(text.slice(start))?.[0] ?? '';
}

function quotedAt(text: string, start: number): string | null {
  let id = '';
  for (let at = start; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char === '"') return id.trim();
    if (char === '\\') at += 1;
    id += text[at] ?? '';
  }
  return null;
}
