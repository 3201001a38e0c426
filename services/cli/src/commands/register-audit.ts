import type { Command } from 'commander';
import type { AuditListOptions } from './audit.ts';
import type { AuditVerifyOptions } from './audit-verify.ts';
import { run, several } from './run.ts';

/** `audit list|show|verify`. */
export function registerAudit(program: Command): void {
  const audit = program.command('audit').description('What was done, recorded and provable.');
  audit
    .command('list')
    .description('The newest events of a log, oldest first.')
    .argument('[folder]', 'an audit folder; or name the gateway with --config')
    .option('--config <file>', 'the gateway config')
    .option('--queue-id <id>', 'only events of this message')
    .option('--kind <kind>', 'only events of this kind; may stand several times', several)
    .option('--since <time>', 'only from this RFC 3339 time on')
    .option('--until <time>', 'only up to this RFC 3339 time')
    .option('--limit <number>', 'at most so many', '100')
    .option('--json', 'one JSON object a line')
    .action(async (folder: string | undefined, options: AuditListOptions) => {
      await run(async () => await (await import('./audit.ts')).runAuditList(folder, options));
    });
  audit
    .command('show')
    .description('All that is recorded of one event or one message.')
    .argument('<which>', 'the number of an event, or a queue id')
    .argument('[folder]', 'an audit folder; or name the gateway with --config')
    .option('--config <file>', 'the gateway config')
    .option('--json', 'one JSON object a line')
    .action(
      async (
        which: string,
        folder: string | undefined,
        options: { readonly config?: string; readonly json?: boolean },
      ) => {
        await run(
          async () => await (await import('./audit.ts')).runAuditShow(which, folder, options),
        );
      },
    );
  audit
    .command('verify')
    .description(
      'Finds edits, deletions, reorders and replays in a log, offline. Names the first damaged place.',
    )
    .argument('<folder>', 'an audit folder, or a copy of one')
    .option('--against <file>', 'a checkpoint kept elsewhere: finds an end that was cut off')
    .option('--key <file>', 'the public log key, kept elsewhere; without it the one in the folder')
    .option('--save-checkpoint <file>', 'write the last signed head there, to be kept elsewhere')
    .option('--json', 'print as JSON')
    .action(async (folder: string, options: AuditVerifyOptions) => {
      await run(
        async () => await (await import('./audit-verify.ts')).runAuditVerify(folder, options),
      );
    });
}
