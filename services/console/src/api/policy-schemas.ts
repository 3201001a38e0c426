import { z } from 'zod';
import type { Drafted } from '../desk/policy.ts';
import { MOVES } from '../desk/policy-moves.ts';
import type { ApiAnswer } from './route.ts';

export const versionNumber = z.coerce.number().int().min(1).max(999_999);
export const versionParams = z.strictObject({ version: versionNumber });
export const reasonField = z.string().trim().min(1).max(1_000);
const states = [
  'draft',
  'proposed',
  'approved',
  'scheduled',
  'active',
  'superseded',
  'rolled-back',
] as const;

export const versionRowSchema = z.strictObject({
  version: z.int(),
  state: z.enum(states),
  author: z.string(),
  reason: z.string(),
  time: z.string(),
  sha256: z.string(),
  activateAt: z.string().nullable(),
});

export const changeSchema = z.strictObject({
  record: z.string(),
  kind: z.enum(['added', 'removed', 'changed']),
  field: z.string(),
  from: z.array(z.string()).nullable(),
  to: z.array(z.string()).nullable(),
  effect: z.enum(['stricter', 'looser', 'other']),
});

const summarySchema = z.strictObject({
  envelopes: z.int(),
  recipients: z.int(),
  changed: z.int(),
  wouldFail: z.int(),
  unknown: z.int(),
});

export const stepSchema = z.object({
  step: z.int(),
  kind: z.string(),
  version: z.int(),
  sha256: z.string(),
  by: z.string(),
  time: z.string(),
  reason: z.string().optional(),
  at: z.string().optional(),
  rehearsal: summarySchema.optional(),
});

export const versionViewSchema = z.object({
  ...versionRowSchema.shape,
  steps: z.array(stepSchema),
  base: z.int().nullable(),
  changes: z.array(changeSchema),
  faults: z.array(z.string()),
  next: z.array(z.enum(MOVES)),
});

export const rehearsalSchema = z.strictObject({
  summary: summarySchema,
  since: z.string().nullable(),
  until: z.string().nullable(),
  changes: z.array(
    z.strictObject({
      direction: z.enum(['outward', 'inward']),
      rule: z.string(),
      from: z.string(),
      to: z.string(),
      fails: z.boolean(),
      sentence: z.string(),
      count: z.int(),
      examples: z.array(z.string()),
    }),
  ),
  unknowns: z.array(
    z.strictObject({ why: z.string(), count: z.int(), examples: z.array(z.string()) }),
  ),
});

export const draftedSchema = z.strictObject({ version: z.int() });

/** What came of an order for a draft. `at` is where the document stands in the body. */
export function draftAnswer(
  drafted: Drafted | { readonly kind: 'unknown' },
  at: string,
): ApiAnswer<z.infer<typeof draftedSchema>> {
  switch (drafted.kind) {
    case 'written': {
      const { version } = drafted;
      return {
        kind: 'created',
        value: { version },
        location: `/api/v1/policy/versions/${version}`,
      };
    }
    case 'unknown':
      return { kind: 'problem', problem: { id: 'not-found' } };
    case 'changed':
      return { kind: 'problem', problem: { id: 'precondition-failed' } };
    case 'invalid': {
      const errors = drafted.faults.map(({ path, reason }) => ({
        pointer: `${at}${path === '' ? '' : `/${path.replaceAll('.', '/')}`}`,
        detail: reason,
      }));
      return { kind: 'problem', problem: { id: 'invalid-fields', errors } };
    }
  }
}

type Change = z.infer<typeof changeSchema>;

/** As the schema has it, with lists of its own. */
export function changeOf(
  one: Omit<Change, 'from' | 'to'> & {
    readonly from: readonly string[] | null;
    readonly to: readonly string[] | null;
  },
): Change {
  const { from, to } = one;
  return { ...one, from: from === null ? null : [...from], to: to === null ? null : [...to] };
}
