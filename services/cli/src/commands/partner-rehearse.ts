import { access } from 'node:fs/promises';
import { systemClock } from '@sallyport/mail';
import type { PolicyDocument } from '@sallyport/policy';
import { policyByNumber, type RehearsalSummary } from '@sallyport/policy-store/read';
import { type Rehearsal, rehearse } from '@sallyport/rehearsal';
import { auditSegments } from '../gateway/audit-folder.ts';
import { type Gateway, openGateway } from './gateway-access.ts';
import { print, printJson, printTable } from './output.ts';
import { openDraft, rehearsalText, type WithConfig } from './policy-order.ts';
import { numberOf } from './read-input.ts';

const DEFAULT_LAST = '1000';
const MAX_LAST = 100_000;

/** Shows what a file, or a version that is not in force, would change for mail of the past. */
export async function runPartnerRehearse(
  which: string,
  options: WithConfig & { readonly last?: string },
): Promise<number> {
  const gateway = await openGateway(options.config);
  const draft = await openDraft(gateway, which);
  const found = await rehearseOn(gateway, draft.policy, options.last);
  if (options.json === true) printJson({ draft: draft.name, ...found });
  else printRehearsed(draft.name, found);
  return 0;
}

async function rehearseOn(
  { layout, config }: Gateway,
  draft: PolicyDocument,
  last: string | undefined,
): Promise<Rehearsal> {
  return await rehearse(draft, lastOf(last), {
    segments: await auditSegments(layout.audit),
    versionOf: async (number) => await policyByNumber(layout.policy, number, new Date()),
    ownDomains: new Set(config.domains.map(({ name }) => name)),
    clock: systemClock,
  });
}

function lastOf(text: string | undefined): number {
  return numberOf(text ?? DEFAULT_LAST, '--last', MAX_LAST);
}

function printRehearsed(name: string, { summary, since, until, changes, unknowns }: Rehearsal) {
  if (since === null) {
    print(`There is no mail in the audit log to rehearse ${name} on.`);
    return;
  }
  print(`Rehearsal of ${name} on mail from ${since} to ${until}.`);
  print(rehearsalText(summary));
  printTable(
    changes.map(({ direction, rule, from, to, fails, count, examples }) => [
      fails ? 'WOULD FAIL' : 'changes',
      String(count),
      direction,
      rule,
      `${from} -> ${to}`,
      `e.g. ${examples.join(' ')}`,
    ]),
  );
  if (unknowns.length > 0) print('What the log cannot tell:');
  printTable(
    unknowns.map(({ why, count, examples }) => [
      'unknown',
      String(count),
      why,
      `e.g. ${examples.join(' ')}`,
    ]),
  );
}

/** What is kept with a proposal; null where there is no audit log yet. */
export async function rehearseForProposal(
  gateway: Gateway,
  draft: PolicyDocument,
  last: string | undefined,
): Promise<RehearsalSummary | null> {
  const isThere = await access(gateway.layout.audit).then(
    () => true,
    () => false,
  );
  if (!isThere) return null;
  return (await rehearseOn(gateway, draft, last)).summary;
}
