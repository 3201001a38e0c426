/** The only source of time for code that acts on time; offline commands and tests give their own. */
export interface Clock {
  /** The present moment. */
  now(): Date;
  /**
   * How long a timer may sleep before it looks at the time again, in milliseconds. Left out where
   * time only passes; a clock that can be set while others sleep says it.
   */
  readonly lookAgainMs?: number;
}

/** The machine's clock. Only a `main.ts` may choose it. */
export const systemClock: Clock = { now: () => new Date() };
