import type { AuditEvent } from '@sallyport/audit-log';
import { type PolicyStep, readVersion } from '@sallyport/policy-store/read';
import { markRecorded, takeDueStep, unrecordedSteps } from '@sallyport/policy-store/write';
import type { GatewayLayout } from './layout.ts';

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
export async function recordSteps(
  { policy }: Pick<GatewayLayout, 'policy'>,
  record: RecordEvent,
): Promise<void> {
  for (const step of await unrecordedSteps(policy)) {
    await record(await policyEvent(policy, step));
    await markRecorded(policy, step.step);
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
  layout: Pick<GatewayLayout, 'policy'>,
  of: {
    readonly now: Date;
    readonly missing: ReadonlySet<number> | null;
    readonly record: RecordEvent;
  },
): Promise<ReadonlySet<number>> {
  const due = await takeDueStep(layout.policy, of.now);
  const open = await unrecordedSteps(layout.policy);
  const isOurs = of.missing === null || due !== null;
  if (isOurs || open.some(({ step }) => of.missing?.has(step))) {
    await recordSteps(layout, of.record);
    return new Set();
  }
  return new Set(open.map(({ step }) => step));
}
