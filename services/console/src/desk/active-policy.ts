import type { PolicyDocument } from '@sallyport/policy';
import { PolicyUnavailable, readActivePolicy } from '@sallyport/policy-store/read';
import type { DeskPorts } from './desk.ts';

/** The policy in force; null before the first, or while it cannot be read. */
export async function policyInForce({ options, clock }: DeskPorts): Promise<PolicyDocument | null> {
  try {
    return (await readActivePolicy(options.folders.policy, clock.now())).policy;
  } catch (error) {
    if (error instanceof PolicyUnavailable) return null;
    throw error;
  }
}

/** The domains of a partner as its record has them; null if the policy in force has no such partner. */
export async function domainsOfPartner(
  ports: DeskPorts,
  name: string,
): Promise<readonly string[] | null> {
  const policy = await policyInForce(ports);
  return policy?.partners.find((one) => one.name === name)?.domains ?? null;
}
