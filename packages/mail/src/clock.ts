/** The only source of time for code that acts on time; offline commands and tests give their own. */
export interface Clock {
  /** The present moment. */
  now(): Date;
}

/** The machine's clock. Only a `main.ts` may choose it. */
export const systemClock: Clock = { now: () => new Date() };
