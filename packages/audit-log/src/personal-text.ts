type Facts = Readonly<Record<string, unknown>>;
type Personal = Readonly<Record<string, string | null>>;

/** In place of what is withheld or erased. */
export const WITHHELD = '(withheld)';

/** A mailbox or an address of the network: what sentences and remote replies repeat. */
const TELLING = /^[^\s@]+@[^\s@]+$|^\d{1,3}(\.\d{1,3}){3}$|^[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}$/i;
const MARK = /\{([a-zA-Z][a-zA-Z0-9.]{0,63})\}/g;

/** False if the JSON surely repeats none of these values and holds no mark: what most events are. */
export function mayRepeat(json: string, personal: Readonly<Record<string, string>>): boolean {
  if (LOOKS_MARKED.test(json)) return true;
  const folded = json.toLowerCase();
  return Object.values(personal).some(
    (value) => value !== '' && folded.includes(JSON.stringify(value.toLowerCase()).slice(1, -1)),
  );
}

/** True if there may be a mark in the JSON of a leaf: otherwise a letter never follows a brace. */
export const LOOKS_MARKED = /\{[a-zA-Z]/;

/**
 * The facts with a mark, `{reversePath}`, wherever a text in them repeats a personal value: the leaf
 * itself is never withheld.
 */
export function hidePersonal(facts: Facts, personal: Readonly<Record<string, string>>): Facts {
  const names = new Map<string, string>();
  for (const [name, value] of Object.entries(personal)) {
    if (TELLING.test(value)) names.set(value.toLowerCase(), name);
  }
  if (names.size === 0) return facts;
  // The longer first: one address may be the end of another.
  const values = [...names.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(values.map(escaped).join('|'), 'gi');
  return mapFacts(facts, (text) =>
    text
      .replace(MARK, (mark, name: string) => (Object.hasOwn(personal, name) ? `(${name})` : mark))
      .replace(pattern, (value) => {
        const name = names.get(value.toLowerCase()); // none for a few letters with two small forms
        return name === undefined ? value : `{${name}}`;
      }),
  );
}

/** The facts as they were told, as far as the values are there; what is withheld is said to be. */
export function showPersonal(facts: Facts, personal: Personal): Facts {
  return mapFacts(facts, (text) =>
    text.replace(MARK, (mark, name: string) =>
      Object.hasOwn(personal, name) ? (personal[name] ?? WITHHELD) : mark,
    ),
  );
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

function mapFacts(facts: Facts, change: (text: string) => string): Facts {
  const entries = Object.entries(facts);
  return Object.fromEntries(entries.map(([name, value]) => [name, mapTexts(value, change)]));
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((one: unknown) => mapTexts(one, change));
  return typeof value === 'object' && value !== null ? mapFacts({ ...value }, change) : value;
}
