/** Reads what stands in the address of a search; a field that is empty asks for nothing. */

const MAX_CHARS = 320;
const LOCAL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?$/;

/** The text of a field, trimmed; undefined for nothing. */
export function textOf(query: URLSearchParams, name: string): string | undefined {
  const text = query.get(name)?.trim().slice(0, MAX_CHARS) ?? '';
  return text === '' ? undefined : text;
}

/** The fields of a search that were filled in, by the names that the operation has for them. */
export function textsOf<N extends string>(
  query: URLSearchParams,
  fields: Readonly<Record<N, string>>,
): Partial<Record<N, string>> {
  const found: Partial<Record<N, string>> = {};
  for (const name in fields) {
    const text = textOf(query, fields[name]);
    if (text !== undefined) found[name] = text;
  }
  return found;
}

/** A time in UTC as `datetime-local` has it, or RFC 3339; null if it is neither. */
export function timeOf(query: URLSearchParams, name: string): Date | null | undefined {
  const text = textOf(query, name);
  if (text === undefined) return undefined;
  const at = new Date(LOCAL_TIME.test(text) ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** A cursor that a page before gave; undefined for none. */
export function cursorOf(query: URLSearchParams): number | undefined {
  const text = query.get('before') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
