import { createHash } from 'node:crypto';
import { z } from 'zod';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const number = z.number().int().positive();
const count = z.number().int().nonnegative();

/** What a rehearsal said of a version when it was proposed. */
const rehearsalSchema = z.strictObject({
  /** Envelopes of the audit log that were decided anew. */
  envelopes: count,
  recipients: count,
  changed: count,
  /** Of those that changed: went on before, and would be held, refused or wait. */
  wouldFail: count,
  /** What the log cannot tell. */
  unknown: count,
});
export type RehearsalSummary = z.infer<typeof rehearsalSchema>;

/** One version by its number and the exact hash that was meant. */
const namedSchema = z.strictObject({ version: number, sha256: hex });

/**
 * One step in the life of the policy, on disk: who did what to which version, and what is in force
 * after it. A step is never changed once written; each names the hash of the one before.
 */
export const stepSchema = z.strictObject({
  step: number,
  /** due: a planned version came into force; the readers have it at that time without this. */
  kind: z.enum([
    'import',
    'propose',
    'approve',
    'activate',
    'schedule',
    'cancel',
    'due',
    'rollback',
  ]),
  version: number,
  /** Of that version. */
  sha256: hex,
  by: z.string().min(1).max(200),
  time: z.iso.datetime(),
  reason: z.string().max(1_000).optional(),
  /** schedule: when it comes into force. */
  at: z.iso.datetime().optional(),
  /** propose: what was in force then; null if nothing was. */
  base: number.nullable().optional(),
  rehearsal: rehearsalSchema.optional(),
  inForce: namedSchema.nullable(),
  scheduled: namedSchema.extend({ at: z.iso.datetime() }).nullable(),
  previous: hex.nullable(),
  hash: hex,
});
export type PolicyStep = z.infer<typeof stepSchema>;
export type NamedVersion = z.infer<typeof namedSchema>;

const STEP_FILE = /^step-(\d{6})\.json$/;
export const MAX_STEPS = 999_999;

export function stepFile(step: number): string {
  return `step-${String(step).padStart(6, '0')}.json`;
}

/** @returns null if it is not the name of a step. */
export function parseStepFile(name: string): number | null {
  const digits = STEP_FILE.exec(name)?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 10);
}

/** SHA-256 over everything that a step says, in the order of the schema. */
export function hashStep(step: Omit<PolicyStep, 'hash'>): string {
  const facts = Object.keys(stepSchema.shape)
    .filter((name) => name !== 'hash')
    .map((name) => step[name as keyof typeof step] ?? null);
  return createHash('sha256').update(JSON.stringify(facts), 'utf8').digest('hex');
}

/** The version in force at a time, as the last step has it; null if there is none yet. */
export function inForceAt(last: PolicyStep | null, now: Date): NamedVersion | null {
  if (last === null) return null;
  const { scheduled } = last;
  return scheduled !== null && Date.parse(scheduled.at) <= now.getTime()
    ? { version: scheduled.version, sha256: scheduled.sha256 }
    : last.inForce;
}

/** What is planned and has not come yet. */
export function plannedAt(last: PolicyStep | null, now: Date): PolicyStep['scheduled'] {
  const scheduled = last?.scheduled ?? null;
  return scheduled !== null && Date.parse(scheduled.at) > now.getTime() ? scheduled : null;
}
