import { join } from 'node:path';
import { planRetention, type RetentionPlan, removeSegment } from '@sallyport/audit-index/retention';
import { LOG_KEY_FILE } from '@sallyport/audit-log';
import { logKey } from './audit-key.ts';
import { openGateway } from './gateway-access.ts';
import { withKeySession } from './key-session.ts';
import { print, printJson } from './output.ts';
import { timeOf } from './read-input.ts';

export interface AuditRetainOptions {
  readonly config: string;
  readonly before: string;
  readonly by?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Replaces old segments by their roots, each recorded before it goes. */
export async function runAuditRetain(options: AuditRetainOptions): Promise<number> {
  const { layout } = await openGateway(options.config);
  const key = await logKey(join(layout.audit, LOG_KEY_FILE));
  const plan = await planRetention(layout.audit, {
    before: timeOf(options.before),
    publicKey: key,
  });
  if (options.dryRun !== true && plan.remove.length > 0) {
    const { config, by } = options;
    await withKeySession({ config, ...(by === undefined ? {} : { by }) }, async (session) => {
      for (const one of plan.remove) {
        await session.record({ kind: 'log-retained', ...one });
        await removeSegment(layout.audit, one);
      }
    });
  }
  if (options.json === true) printJson(plan);
  else printPlan(plan, options.dryRun === true);
  return plan.keep.length === 0 ? 0 : 1;
}

function printPlan({ remove, keep }: RetentionPlan, isDryRun: boolean): void {
  for (const { segment, leaves, from, to } of remove) {
    const done = isDryRun ? 'would be removed' : 'removed';
    print(`${segment}: ${leaves} events from ${from} to ${to} ${done}; their root stays.`);
  }
  for (const { segment, reason } of keep) print(`${segment} stays: ${reason}.`);
  if (remove.length + keep.length === 0) {
    print('No whole segment is older than that; the one that the log ends in always stays.');
  }
}
