/** Reads what stands in the address of a search; a field that is empty asks for nothing. */

const MAX_CHARS = 320;
/** As `datetime-local` has it, which is taken as UTC here; or RFC 3339 section 5.6. */
const LOCAL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?$/;
const RFC3339_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

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

/** A time as people type it; null if it is none: what a parser would guess at may be years away. */
export function parseTime(typed: string): Date | null {
  const text = typed.toUpperCase();
  const isLocal = LOCAL_TIME.test(text);
  if (!isLocal && !RFC3339_TIME.test(text)) return null;
  const at = new Date(isLocal ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** The time of a field; undefined for nothing, null if it cannot be read. */
export function timeOf(query: URLSearchParams, name: string): Date | null | undefined {
  const text = textOf(query, name);
  return text === undefined ? undefined : parseTime(text);
}

/** A cursor that a page before gave; undefined for none. */
export function cursorOf(query: URLSearchParams): number | undefined {
  const text = query.get('before') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
