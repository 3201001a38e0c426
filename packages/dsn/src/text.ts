const MAX_COLUMNS = 78; // RFC 5322 section 2.1.1
const MAX_TEXT = 2000;

/** One line: control characters and all that ends a line become spaces. Bounded in length. */
export function clean(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ')
    .trim();
}

export function asciiOnly(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

/** RFC 5322 section 3.3, in UTC. */
export function formatDate(date: Date): string {
  // toUTCString gives "Sat, 21 Nov 2026 04:00:00 GMT" (ECMA-262); only the zone is written otherwise.
  return date.toUTCString().replace(/GMT$/, '+0000');
}

/** A field with its CRLF, folded at white space; the value is cleaned first. */
export function field(name: string, value: string): string {
  return `${wrap(`${name}: ${clean(value)}`).join('\r\n ')}\r\n`;
}

/** Breaks at spaces before column 78; a longer word is cut at 900 characters. */
export function wrap(text: string, indent = ''): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ').filter((piece) => piece !== '')) {
    for (let at = 0; at < word.length; at += 200) {
      const piece = word.slice(at, at + 200);
      const gap = line === indent || at > 0 ? '' : ' ';
      if (line !== indent && line.length + gap.length + piece.length > MAX_COLUMNS - 1) {
        lines.push(line);
        line = `${indent}${piece}`;
      } else {
        line += gap + piece;
      }
    }
  }
  lines.push(line);
  return lines;
}
