import { diffPolicies, type PolicyChange } from '@sallyport/policy';
import { type PolicyStep, readSteps } from '@sallyport/policy-store/read';
import type { DeskPorts } from './desk.ts';
import type { PolicyDesk } from './policy.ts';
import type { OpenedVersion } from './policy-versions.ts';

const MAX_LOOKED_BACK = 20;

/** A version that changed the partner and came into force. */
export interface PartnerStep {
  readonly version: number;
  readonly time: string;
  readonly by: string;
  readonly reason: string;
  /** Empty for the version that the look back begins with. */
  readonly changes: readonly PolicyChange[];
}

/** Versions that changed the partner, as they came into force, newest first. */
export async function partnerHistory(
  name: string,
  { options }: Pick<DeskPorts, 'options'>,
  policy: PolicyDesk,
): Promise<PartnerStep[]> {
  const steps = await readSteps(options.folders.policy);
  const came = steps.filter(
    ({ inForce }, at) => inForce !== null && inForce.version !== steps[at - 1]?.inForce?.version,
  );
  const history: PartnerStep[] = [];
  let former: OpenedVersion | null = null;
  for (const step of came.slice(-MAX_LOOKED_BACK)) {
    const own: OpenedVersion | null = await policy.open(step.inForce?.version ?? 0);
    if (own === null) continue;
    const changed = changesOf(name, former, own);
    if (changed !== null) history.push(stepOf(step, own, changed));
    former = own;
  }
  return history.reverse();
}

/** @returns null if the version has nothing new of the partner. */
function changesOf(
  name: string,
  former: OpenedVersion | null,
  own: OpenedVersion,
): readonly PolicyChange[] | null {
  if (former === null) {
    return own.policy.partners.some((one) => one.name === name) ? [] : null;
  }
  const changes = diffPolicies(former.policy, own.policy).filter(
    ({ record }) => record === name || record.startsWith(`${name} (our `),
  );
  return changes.length === 0 ? null : changes;
}

function stepOf(
  { time, by, reason }: PolicyStep,
  { version }: OpenedVersion,
  changes: readonly PolicyChange[],
): PartnerStep {
  return { version: version.version, time, by, reason: reason ?? version.reason, changes };
}
