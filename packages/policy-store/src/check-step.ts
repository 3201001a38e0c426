import { inForceAt, type PolicyStep, plannedAt } from './step.ts';
import type { PolicyVersion } from './version.ts';

/** Why a step is not taken. */
export type StepFault =
  | 'hash-differs'
  | 'already-active'
  | 'not-proposed'
  | 'not-approved'
  | 'own-proposal'
  | 'other-base'
  | 'already-planned'
  | 'not-planned'
  | 'time-is-past'
  | 'never-active'
  | 'needs-proposal'
  | 'step-since';

export interface StepRefusal {
  readonly kind: 'refused';
  readonly fault: StepFault;
  readonly sentence: string;
}

/** A step that somebody wants to take. */
export interface StepOrder {
  readonly kind: Exclude<PolicyStep['kind'], 'due'>;
  readonly version: PolicyVersion;
  /** The hash that the person saw; left out where the version is all they know. */
  readonly sha256?: string;
  readonly by: string;
  readonly now: Date;
  readonly at?: Date;
  /** Nothing comes into force that one person alone wanted. */
  readonly fourEyes: boolean;
}

/** Whether a step may follow on those before it. Pure. @returns null if it may. */
export function checkStep(order: StepOrder, steps: readonly PolicyStep[]): StepRefusal | null {
  const { version, sha256 } = order;
  if (sha256 !== undefined && sha256 !== version.sha256) {
    const sentence = `Version ${version.version} has the SHA-256 ${version.sha256}, not ${sha256}.`;
    return { kind: 'refused', fault: 'hash-differs', sentence };
  }
  switch (order.kind) {
    case 'import':
      return checkImport(order, steps);
    case 'propose':
      return isInForce(order, steps) ? alreadyActive(order) : null;
    case 'approve':
      return checkApproval(order, steps);
    case 'activate':
      return checkActivation(order, steps);
    case 'schedule':
      return checkSchedule(order, steps) ?? checkActivation(order, steps);
    case 'cancel':
      return checkCancel(order, steps);
    case 'rollback':
      return checkRollback(order, steps);
  }
}

function refused(fault: StepFault, sentence: string): StepRefusal {
  return { kind: 'refused', fault, sentence };
}

function inForce(order: StepOrder, steps: readonly PolicyStep[]) {
  return inForceAt(steps.at(-1) ?? null, order.now);
}

function isInForce(order: StepOrder, steps: readonly PolicyStep[]): boolean {
  return inForce(order, steps)?.version === order.version.version;
}

function alreadyActive({ version }: StepOrder): StepRefusal {
  return refused('already-active', `Version ${version.version} is in force already.`);
}

// The very first version has nobody to approve of it: a gateway begins with it.
function checkImport(order: StepOrder, steps: readonly PolicyStep[]): StepRefusal | null {
  if (!order.fourEyes || inForce(order, steps) === null) return null;
  const sentence =
    'Two people decide here (policy.fourEyes): propose the file, and let somebody else approve it.';
  return refused('needs-proposal', sentence);
}

/**
 * What a person is known by: the name they go under, however it is written, and the id of their
 * account where they signed in (`operatorText`). Two that share one of these count as one.
 */
function marksOf(by: string): readonly string[] {
  const name = by.normalize('NFKC').trim().toLowerCase();
  const signedIn = /^(.*) \[([0-9a-f]{20})\]$/.exec(name);
  return signedIn === null ? [name] : [signedIn[1] ?? '', signedIn[2] ?? ''];
}

/** Who gives an order in the console, as versions and steps name them: the account counts, not its name. */
export function operatorText(of: { readonly name: string; readonly accountId: string }): string {
  return `${of.name} [${of.accountId}]`;
}

/** The last time that a version was proposed; an import counts as that. */
function lastProposal(number: number, steps: readonly PolicyStep[]): PolicyStep | null {
  const kinds = ['propose', 'import'];
  return steps.findLast((one) => one.version === number && kinds.includes(one.kind)) ?? null;
}

/** Those who wanted the version: none of them is the second pair of eyes. */
function wanters(version: PolicyVersion, proposal: PolicyStep): ReadonlySet<string> {
  return new Set([...marksOf(version.author), ...marksOf(proposal.by)]);
}

function isOneOf(wanted: ReadonlySet<string>, by: string): boolean {
  return marksOf(by).some((mark) => wanted.has(mark));
}

function notProposed({ version }: StepOrder): StepRefusal {
  return refused('not-proposed', `Version ${version.version} was never proposed.`);
}

function checkApproval(order: StepOrder, steps: readonly PolicyStep[]): StepRefusal | null {
  const { version, by, fourEyes } = order;
  const proposal = lastProposal(version.version, steps);
  if (proposal === null) return notProposed(order);
  if (!fourEyes || !isOneOf(wanters(version, proposal), by)) return null;
  const sentence = `${by} wrote or proposed version ${version.version}, so somebody else must approve it.`;
  return refused('own-proposal', sentence);
}

/** Approvals of the exact hash by somebody who did not want it, after a given step. */
function isApproved(
  version: PolicyVersion,
  proposal: PolicyStep,
  after: { readonly step: number; readonly steps: readonly PolicyStep[] },
): boolean {
  const own = wanters(version, proposal);
  return after.steps.some(
    (one) =>
      one.kind === 'approve' &&
      one.step > after.step &&
      one.version === version.version &&
      one.sha256 === version.sha256 &&
      !isOneOf(own, one.by),
  );
}

function checkActivation(order: StepOrder, steps: readonly PolicyStep[]): StepRefusal | null {
  const { version, fourEyes } = order;
  const { version: number } = version;
  if (isInForce(order, steps)) return alreadyActive(order);
  const proposal = lastProposal(number, steps);
  if (proposal === null) return notProposed(order);
  const wasInForce = steps.some(
    (one) => one.step >= proposal.step && one.inForce?.version === number,
  );
  if (wasInForce) {
    return refused('not-proposed', `Version ${number} was in force before: use rollback.`);
  }
  if (proposal.sha256 !== version.sha256) {
    return refused('hash-differs', `Version ${number} is not what was proposed.`);
  }
  // What it would undo was not there when it was written, rehearsed and approved.
  const base = inForce(order, steps)?.version ?? null;
  if ((proposal.base ?? null) !== base) {
    const then = proposal.base === null ? 'none' : `version ${proposal.base}`;
    const sentence = `Version ${number} was proposed while ${then} was in force, and version ${base} is: look at both and propose it again.`;
    return refused('other-base', sentence);
  }
  if (!fourEyes || isApproved(version, proposal, { step: proposal.step, steps })) return null;
  return refused('not-approved', `Version ${number} is not approved by a second person yet.`);
}

function checkSchedule(order: StepOrder, steps: readonly PolicyStep[]): StepRefusal | null {
  const { at, now } = order;
  if (at === undefined || at.getTime() <= now.getTime()) {
    return refused('time-is-past', 'The time at which it is to come into force is past.');
  }
  const planned = plannedAt(steps.at(-1) ?? null, now);
  if (planned === null) return null;
  const sentence = `Version ${planned.version} is planned for ${planned.at} already: take that back first.`;
  return refused('already-planned', sentence);
}

function checkCancel(order: StepOrder, steps: readonly PolicyStep[]): StepRefusal | null {
  const planned = plannedAt(steps.at(-1) ?? null, order.now);
  if (planned?.version === order.version.version) return null;
  return refused('not-planned', `Version ${order.version.version} is not planned for any time.`);
}

// To go back is the brake, and one person may pull it as far as the version before. Further back
// everything may be undone that two people agreed on since, so that needs a second person now.
function checkRollback(order: StepOrder, steps: readonly PolicyStep[]): StepRefusal | null {
  const { version, fourEyes } = order;
  const { version: number } = version;
  if (isInForce(order, steps)) return alreadyActive(order);
  const wasInForce = steps.findLast((one) => one.inForce?.version === number);
  if (wasInForce === undefined) {
    return refused(
      'never-active',
      `Version ${number} was never in force: propose and activate it.`,
    );
  }
  if (wasInForce.inForce?.sha256 !== version.sha256) {
    return refused('hash-differs', `Version ${number} is not what was in force.`);
  }
  if (!fourEyes) return null;
  const present = inForce(order, steps)?.version;
  const before = steps.findLast((one) => one.inForce?.version !== present);
  if (before?.inForce?.version === number) return null;
  const proposal = lastProposal(number, steps);
  const since = wasInForce.step;
  if (proposal !== null && isApproved(version, proposal, { step: since, steps })) return null;
  const sentence = `Version ${number} is not approved by a second person since it went out of force: let somebody approve it first.`;
  return refused('not-approved', sentence);
}
