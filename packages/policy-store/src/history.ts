import { inForceAt, type PolicyStep, plannedAt } from './step.ts';

/** Where a version stands. draft: written, and nobody proposed it. */
export type VersionState =
  | 'draft'
  | 'proposed'
  | 'approved'
  | 'scheduled'
  | 'active'
  | 'superseded'
  | 'rolled-back';

/** The state of a version at a time, from the steps that were taken. Pure and total. */
export function stateOf(number: number, steps: readonly PolicyStep[], now: Date): VersionState {
  const last = steps.at(-1) ?? null;
  if (inForceAt(last, now)?.version === number) return 'active';
  if (plannedAt(last, now)?.version === number) return 'scheduled';
  const left = steps.findLast((one, index) => {
    return one.inForce?.version !== number && steps[index - 1]?.inForce?.version === number;
  });
  const own = steps.filter((one) => one.version === number && one.step > (left?.step ?? 0));
  const proposal = own.findLast((one) => one.kind === 'propose');
  if (proposal !== undefined) {
    const isApproved = own.some((one) => one.kind === 'approve' && one.step > proposal.step);
    return isApproved ? 'approved' : 'proposed';
  }
  if (left !== undefined) return left.kind === 'rollback' ? 'rolled-back' : 'superseded';
  return wasLeftByTime(number, steps) ? 'superseded' : 'draft';
}

/** In force by the last step, until what was planned came. */
function wasLeftByTime(number: number, steps: readonly PolicyStep[]): boolean {
  return steps.at(-1)?.inForce?.version === number;
}
