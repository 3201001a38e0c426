/** RFC 8461 section 3.1 and RFC 8460 section 3: names and values of the fields after the version. */
const FIELD = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([\x21-\x3a\x3c\x3e-\x7e]+)$/;
const MAX_FIELDS = 64;

/**
 * The one TXT record of those at a name that begins with a version, as fields by name.
 *
 * @returns null if there is not exactly one, or if it is not well-formed; of a field that is there
 *   twice the first counts.
 */
export function readVersionedTxt(
  records: readonly string[],
  version: string,
  /** What a value may hold beside the rest, for example `=` in a URI. */
  field: RegExp = FIELD,
): ReadonlyMap<string, string> | null {
  const own = records.filter((text) => text === version || isDelimited(text, version));
  const [text, ...more] = own;
  if (text === undefined || more.length > 0) return null;
  const parts = text.slice(version.length).split(/[ \t]*;[ \t]*/, MAX_FIELDS + 2);
  if (parts.length > MAX_FIELDS + 1) return null;
  const [before, ...fields] = parts;
  if (before !== '') return null;
  if (fields.at(-1) === '') fields.pop();
  const found = new Map<string, string>();
  for (const one of fields) {
    const [, name, value] = field.exec(one) ?? [];
    if (name === undefined || value === undefined) return null;
    if (!found.has(name)) found.set(name, value);
  }
  return found;
}

function isDelimited(text: string, version: string): boolean {
  return text.startsWith(version) && /^[ \t]*;/.test(text.slice(version.length));
}
