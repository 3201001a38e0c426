/** Case-insensitive; `*` stands for anything. Linear time: no regular expression is built from input. */
export function matchesGlob(text: string, pattern: string): boolean {
  const value = text.toLowerCase();
  const [first = '', ...rest] = pattern.toLowerCase().split('*');
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const [index, piece] of rest.entries()) {
    if (index === rest.length - 1)
      return value.length - at >= piece.length && value.endsWith(piece);
    const found = value.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at === value.length;
}
