import { diffPolicies } from '@sallyport/policy';
import { openGateway } from './gateway-access.ts';
import { print, printJson, printTable } from './output.ts';
import { openDraft, type WithConfig } from './policy-order.ts';

/** Prints what differs between two versions or files, field by field, and what it means. */
export async function runPartnerDiff(
  from: string,
  to: string,
  options: WithConfig,
): Promise<number> {
  const gateway = await openGateway(options.config);
  const [before, after] = [await openDraft(gateway, from), await openDraft(gateway, to)];
  const changes = diffPolicies(before.policy, after.policy);
  if (options.json === true) {
    printJson({ from: before.name, to: after.name, changes });
    return 0;
  }
  print(changes.length === 0 ? 'Nothing differs.' : `From ${before.name} to ${after.name}:`);
  printTable(
    changes.map(({ record, kind, field, from: old, to: own, effect }) => [
      effect === 'other' ? kind : effect.toUpperCase(),
      record,
      field,
      [old, own].map((values) => values?.join(', ') ?? '-').join(' -> '),
    ]),
  );
  return 0;
}
