/** What one decision would be under another policy, as far as the audit log can tell. */
export type Rehearsed =
  | { readonly kind: 'same' }
  | {
      readonly kind: 'changed';
      /** `protect`, `hold (agreement-expired)`, `deliver with a warning`, … */
      readonly from: string;
      readonly to: string;
      /** It went on, and would not go on at once. */
      readonly fails: boolean;
      readonly sentence: string;
    }
  /** The log does not say what decides it. */
  | { readonly kind: 'unknown'; readonly why: string };

/** A decision as it is counted: its kind, and the fault if it has one. */
export interface Outcome {
  readonly word: string;
  readonly goes: boolean;
  readonly sentence: string;
}

/** One thing that decides, with every value that the log leaves open. */
export interface Open<T> {
  /** Said where the values lead to different ends. */
  readonly why: string;
  readonly values: readonly T[];
}

export function known<T>(value: T): Open<T> {
  return { why: '', values: [value] };
}

/**
 * Decides under everything that may have been the case. The log can tell what would be only if all
 * of it comes to the same.
 */
export function compareAll(
  before: Pick<Outcome, 'word' | 'goes'>,
  tried: readonly { readonly outcome: Outcome; readonly whys: readonly string[] }[],
): Rehearsed {
  const [first, ...others] = tried;
  if (first === undefined) return { kind: 'unknown', why: 'the log says too little' };
  const other = others.find(({ outcome }) => outcome.word !== first.outcome.word);
  if (other !== undefined) {
    const why = other.whys.find((one) => !first.whys.includes(one)) ?? other.whys[0];
    return { kind: 'unknown', why: why ?? 'the log says too little' };
  }
  const { word: to, goes, sentence } = first.outcome;
  if (to === before.word) return { kind: 'same' };
  return { kind: 'changed', from: before.word, to, fails: before.goes && !goes, sentence };
}

/** The same, with each value as a part of the facts. */
export function partOf<T, F extends object>(
  { why, values }: Open<T>,
  part: (value: T) => Partial<F>,
): Open<Partial<F>> {
  return { why, values: values.map(part) };
}

/** The facts with every combination of what is open; `whys` names what is not the first value. */
export function combinations<F extends object>(
  sure: F,
  open: readonly Open<Partial<F>>[],
): readonly { readonly facts: F; readonly whys: readonly string[] }[] {
  let all: readonly { readonly facts: F; readonly whys: readonly string[] }[] = [
    { facts: sure, whys: [] },
  ];
  for (const { values, why } of open) {
    all = all.flatMap(({ facts, whys }) =>
      values.map((value, index) => ({
        facts: { ...facts, ...value },
        whys: index === 0 ? whys : [...whys, why],
      })),
    );
  }
  return all;
}

/** Deep equality of what came out of one schema. */
export function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
