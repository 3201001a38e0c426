import { agreementState, transportFaults, transportWarnings } from '@sallyport/policy';
import { PolicyUnavailable, readActivePolicy } from '@sallyport/policy-store/read';
import type { Check } from './check.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

/** The policy in force: readable, its levels possible, its agreements current. */
export const policyCheck: Check = {
  area: 'policy',
  asksOthers: false,
  look: async ({ layout, config, now }) => {
    const active = await readActivePolicy(layout.policy, now).catch((error: unknown) => {
      if (error instanceof PolicyUnavailable) return error;
      throw error;
    });
    if (active instanceof PolicyUnavailable) {
      return [
        fault(
          'policy-missing',
          `No policy can be read: ${active.message}.`,
          'Restore the policy folder, or import a first version: sallyport partner import.',
        ),
      ];
    }
    const { policy } = active;
    const findings: Finding[] = [
      ...transportFaults(policy, config).map((reason) =>
        fault(
          'level-impossible',
          `${reason}.`,
          'Change the config or the record; until then such mail waits.',
        ),
      ),
      ...transportWarnings(policy, config).map((reason) =>
        warning('level-doubtful', `${reason}.`, 'Name a validating resolver and set dns.trusted.'),
      ),
    ];
    for (const { name, agreement } of policy.partners) {
      const state = agreement === undefined ? null : agreementState(agreement, now);
      if (state?.kind === 'ended') {
        findings.push(
          fault(
            'agreement-ended',
            `The agreement with ${name} ended on ${agreement?.validUntil}: its mail is held.`,
            'Agree anew, then change validUntil.',
          ),
        );
      } else if (state?.kind === 'ending') {
        findings.push(
          warning(
            'agreement-ends',
            `The agreement with ${name} ends in ${state.daysLeft === 0 ? 'less than a day' : `${state.daysLeft} days`}.`,
            'Agree anew, then change validUntil.',
          ),
        );
      }
    }
    if (findings.length > 0) return findings;
    return [
      ok(
        'policy',
        `The policy in force can be held to; it names ${policy.partners.length} partners.`,
      ),
    ];
  },
};
