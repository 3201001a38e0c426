import fc from 'fast-check';
import { Random } from './random.ts';

export type Mutator = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

/** An input that can be made again: which seed, and the number that each change follows from. */
export interface Plan {
  readonly seed: number;
  readonly other: number;
  readonly edits: readonly number[];
}

const MAX_EDITS = 4;
const MAX_INPUT_BYTES = 512 * 1024;

/** Plans over so many seeds. fast-check shrinks them to fewer changes. */
export function plans(seedCount: number): fc.Arbitrary<Plan> {
  return fc
    .tuple(
      fc.nat({ max: seedCount - 1 }),
      fc.nat({ max: seedCount - 1 }),
      fc.array(fc.nat({ max: 0x7fff_ffff }), { minLength: 1, maxLength: MAX_EDITS }),
    )
    .map(([seed, other, edits]) => ({ seed, other, edits }));
}

/** What plans are carried out on. */
export interface Material {
  readonly seeds: readonly { readonly bytes: Buffer }[];
  readonly mutate: Mutator;
  readonly maxInputBytes?: number;
}

/** The bytes of a plan. */
export function carryOut(plan: Plan, { seeds, mutate, maxInputBytes }: Material): Buffer {
  const other = seeds[plan.other]?.bytes ?? Buffer.alloc(0);
  return plan.edits.reduce<Buffer>(
    (bytes, edit) =>
      mutate(bytes, new Random(edit), other).subarray(0, maxInputBytes ?? MAX_INPUT_BYTES),
    seeds[plan.seed]?.bytes ?? Buffer.alloc(0),
  );
}
