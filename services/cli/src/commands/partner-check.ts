import { agreementState, type PolicyDocument } from '@sallyport/policy';
import { openGateway } from './gateway-access.ts';
import { print, printJson } from './output.ts';
import { agreementText } from './partner.ts';
import { activePolicy, openDraft, type WithConfig } from './policy-order.ts';

interface Warning {
  readonly partner: string;
  readonly sentence: string;
}

/**
 * Checks a file, a version, or what is in force: faults end it, and what an admin should see to is
 * told. Exit code 1 if there are such warnings.
 */
export async function runPartnerCheck(
  which: string | undefined,
  options: WithConfig,
): Promise<number> {
  const gateway = await openGateway(options.config);
  const { policy, name } =
    which === undefined
      ? { ...(await activePolicy(gateway)), name: 'The policy in force' }
      : await openDraft(gateway, which);
  const warnings = warningsOf(policy, new Date());
  if (options.json === true) printJson({ ok: warnings.length === 0, warnings });
  else if (warnings.length === 0) print(`${name}: nothing to see to.`);
  else for (const { partner, sentence } of warnings) print(`${partner}: ${sentence}.`);
  return warnings.length === 0 ? 0 : 1;
}

// E-003-16: what is agreed between people is easily overlooked.
function warningsOf(policy: PolicyDocument, now: Date): Warning[] {
  return policy.partners.flatMap(({ name: partner, agreement, outbound, trust }) => {
    const sentences: string[] = [];
    if (agreement === undefined || agreementState(agreement, now).kind !== 'current') {
      sentences.push(agreementText(agreement, now));
    }
    if (agreement?.contact === '') sentences.push('the agreement names no contact');
    if (outbound.encrypt === 'required' && outbound.sign === 'none') {
      sentences.push('encrypted mail leaves unsigned, which proves no origin (DS-E5)');
    }
    const over = trust.exceptions.filter(
      ({ until }) => agreementState({ validUntil: until }, now).kind === 'ended',
    );
    for (const { subject } of over) sentences.push(`the exception for ${subject} is over`);
    return sentences.map((sentence) => ({ partner, sentence }));
  });
}
