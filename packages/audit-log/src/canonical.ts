import type { z } from 'zod';

/**
 * Parses JSON that must be exactly what `JSON.stringify` makes of it: no name twice, no other form of
 * a number, no other order, so that every reader reads the same. `indent` is its third argument.
 *
 * @returns null if it is something else.
 */
export function parseCanonical<T>(schema: z.ZodType<T>, text: string, indent = 0): T | null {
  try {
    const value = schema.safeParse(JSON.parse(text)).data;
    return value !== undefined && JSON.stringify(value, null, indent) === text ? value : null;
  } catch {
    return null;
  }
}
