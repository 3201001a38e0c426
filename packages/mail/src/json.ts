/** What a JSON text holds; null for what is none, as for `null`: a schema judges both. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
