/** The characters of a structured value outside of quoted strings and comments (RFC 5322 section 3.2). */
export function* bareCharacters(
  text: string,
): Generator<{ readonly at: number; readonly char: string }> {
  for (let at = 0; at < text.length; ) {
    const char = text[at] ?? '';
    if (char === '"') at = pastQuoted(text, at);
    else if (char === '(') at = pastComment(text, at);
    else {
      yield { at, char };
      at += 1;
    }
  }
}

/** What does not end takes the rest. */
function pastQuoted(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at += 1) {
    if (text[at] === '"') return at + 1;
    if (text[at] === '\\') at += 1;
  }
  return text.length;
}

function pastComment(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    else if (text[at] === ')') depth -= 1;
    else if (text[at] === '\\') at += 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}
