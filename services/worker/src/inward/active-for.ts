import { parseMailbox } from '@sallyport/mail';
import { policyFor } from '@sallyport/policy';
import type { ActivePolicy } from '@sallyport/policy-store/read';
import type { QueueFileHeader } from '@sallyport/spool';

/**
 * The policy as it holds for those who get a message: recipients of one transaction are of one
 * domain of ours (design section 4).
 */
export function activeFor(
  active: ActivePolicy,
  { forwardPaths }: Pick<QueueFileHeader, 'forwardPaths'>,
): ActivePolicy {
  const own = parseMailbox(forwardPaths[0]?.path ?? '')?.domain ?? null;
  return { ...active, policy: policyFor(active.policy, own) };
}
