import type { Health } from '@sallyport/ipc';
import { type PolicyReader, PolicyUnavailable } from '@sallyport/policy-store/read';

/** Who knows the policy in force. */
export type PolicyInForce = Pick<PolicyReader, 'current'>;

/** What a worker says of itself without a policy that it can use; null if there is one. */
export async function policyTrouble(policy: PolicyInForce): Promise<Health | null> {
  try {
    await policy.current();
    return null;
  } catch (error) {
    if (!(error instanceof PolicyUnavailable)) throw error;
    return { ok: false, sentence: `${error.message}, so mail waits: sallyport partner list` };
  }
}
