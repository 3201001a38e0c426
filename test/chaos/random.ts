/** Chance that can be played again: the same seed gives the same choices. */
export interface Random {
  readonly seed: number;
  /** A number of at least 0 and below 1. */
  next(): number;
  /** A whole number of at least `from` and below `to`. */
  between(from: number, to: number): number;
  pick<T>(choices: readonly [T, ...T[]]): T;
}

/** mulberry32: small, and good enough to choose victims. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from));
  return {
    seed,
    next,
    between,
    pick: (choices) => choices[between(0, choices.length)] ?? choices[0],
  };
}

/** The seed of this run: `CHAOS_SEED` plays an earlier run again. */
export function chosenSeed(): number {
  const given = process.env['CHAOS_SEED'];
  return given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
}
