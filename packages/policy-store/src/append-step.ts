import { writeDurably } from './files.ts';
import { PolicyUnavailable, readSteps } from './read.ts';
import { hashStep, MAX_STEPS, type PolicyStep, plannedAt, stepFile } from './step.ts';

/** Writes down that what was planned came into force. @returns null if nothing is due. */
export async function takeDueStep(folder: string, now: Date): Promise<PolicyStep | null> {
  const due = dueStep((await readSteps(folder)).at(-1) ?? null, now);
  return due !== null && (await append(folder, due)) ? due : null;
}

/** @returns false if somebody else took that step first. */
export async function append(folder: string, step: PolicyStep): Promise<boolean> {
  if (step.step > MAX_STEPS) throw new PolicyUnavailable('the policy has no room for more steps');
  return await writeDurably(folder, stepFile(step.step), `${JSON.stringify(step)}\n`, 'new');
}

type Bare = Omit<PolicyStep, 'step' | 'previous' | 'hash'>;

/** The step after the last, sealed with its hash. */
export function following(last: PolicyStep | null, bare: Bare): PolicyStep {
  const numbered = { ...bare, step: (last?.step ?? 0) + 1, previous: last?.hash ?? null };
  return { ...numbered, hash: hashStep(numbered) };
}

/** What is to be written down because its time came. @returns null if nothing is. */
export function dueStep(last: PolicyStep | null, now: Date): PolicyStep | null {
  if (last === null || last.scheduled === null || plannedAt(last, now) !== null) return null;
  const { version, sha256, at } = last.scheduled;
  const inForce = { version, sha256 };
  const bare = { kind: 'due', ...inForce, by: 'schedule', time: at, inForce } as const;
  return following(last, { ...bare, scheduled: null });
}
