import type { AuditEvent } from '@sallyport/audit-log';
import { takeDueStep } from './append-step.ts';
import { readVersion } from './read.ts';
import { markRecorded, unrecordedSteps } from './recorded.ts';
import type { PolicyStep } from './step.ts';

const KINDS = {
  import: 'policy-activated',
  activate: 'policy-activated',
  due: 'policy-activated',
  propose: 'policy-proposed',
  approve: 'policy-approved',
  schedule: 'policy-scheduled',
  cancel: 'policy-scheduled',
  rollback: 'policy-rolled-back',
} as const satisfies Record<PolicyStep['kind'], AuditEvent['kind']>;

/** What the audit log says of one step: the version, its exact hash, who took it and who wrote it. */
async function policyEvent(folder: string, step: PolicyStep): Promise<AuditEvent> {
  const { author, previous, reason } = await readVersion(folder, step.version);
  const { version, sha256, by, rehearsal } = step;
  const common = {
    version,
    sha256,
    step: step.step,
    reason: step.reason ?? reason,
    personal: { by, author },
  };
  const kind = KINDS[step.kind];
  switch (kind) {
    case 'policy-activated': {
      const sentence =
        step.kind === 'due' ? { sentence: 'at the time that was planned for it' } : {};
      return { kind, ...common, previous, ...sentence };
    }
    case 'policy-proposed':
      return {
        kind,
        ...common,
        base: step.base ?? null,
        ...(rehearsal === undefined ? {} : { details: rehearsal }),
      };
    case 'policy-scheduled':
      return { kind, ...common, activateAt: step.at ?? null };
    case 'policy-approved':
    case 'policy-rolled-back':
      return { kind, ...common };
  }
}

/** Puts one event on record, durably. */
export type RecordEvent = (event: AuditEvent) => Promise<void>;

/** Tells the audit log every step that it does not have yet, in order. */
export async function recordSteps(folder: string, record: RecordEvent): Promise<void> {
  for (const step of await unrecordedSteps(folder)) {
    await record(await policyEvent(folder, step));
    await markRecorded(folder, step.step);
  }
}

/**
 * One look at the policy folder of a gateway that runs: writes down that a planned version came into
 * force, and tells the audit log what a command could not. A step is left to the command that took
 * it until it was missing at two looks.
 *
 * @returns the steps that are missing now, for the next look.
 */
export async function followSteps(
  folder: string,
  of: {
    readonly now: Date;
    readonly missing: ReadonlySet<number> | null;
    readonly record: RecordEvent;
  },
): Promise<ReadonlySet<number>> {
  const due = await takeDueStep(folder, of.now);
  const open = await unrecordedSteps(folder);
  const isOurs = of.missing === null || due !== null;
  if (isOurs || open.some(({ step }) => of.missing?.has(step))) {
    await recordSteps(folder, of.record);
    return new Set();
  }
  return new Set(open.map(({ step }) => step));
}
