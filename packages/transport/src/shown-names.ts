const MAX_NAMES = 5;
const MAX_CHARACTERS = 100;

/** Names out of a stranger's certificate as a sentence may hold them: few, short, plain. */
export function shownNames(names: readonly string[]): string {
  const plain = names
    .slice(0, MAX_NAMES)
    .map((name) => name.slice(0, MAX_CHARACTERS).replace(/[^A-Za-z0-9.*_-]/g, '?'));
  return plain.join(', ') || 'no name';
}
