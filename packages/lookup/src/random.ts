import { randomInt } from 'node:crypto';

/** Draws an integer from 0 to `exclusive` - 1, each equally likely. */
export type Random = (exclusive: number) => number;

/** The machine's generator. Only a `main.ts` may choose it. */
export const systemRandom: Random = (exclusive) => randomInt(exclusive);

/** The items in an order where each permutation is equally likely (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const rest = [...items];
  const result: T[] = [];
  while (rest.length > 0) result.push(...rest.splice(random(rest.length), 1));
  return result;
}
