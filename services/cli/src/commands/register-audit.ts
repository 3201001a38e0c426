import type { Command } from 'commander';
import type { AuditListOptions } from './audit.ts';
import type { AuditExportOptions } from './audit-export.ts';
import type { AuditProveOptions } from './audit-prove.ts';
import type { AuditRetainOptions } from './audit-retain.ts';
import type { AuditVerifyOptions } from './audit-verify.ts';
import { run, several } from './run.ts';

/** `audit list|show|verify|prove|export|retain|index`. */
export function registerAudit(program: Command): void {
  const audit = program.command('audit').description('What was done, recorded and provable.');
  registerReading(audit);
  registerProofs(audit);
  registerCare(audit);
}

/** The log itself: its events, and whether it was touched. */
function registerReading(audit: Command): void {
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
      'Finds edits, deletions, reorders and replays in a log, an export or a proof, offline. Names the first damaged place.',
    )
    .argument('<target>', 'an audit folder, an export or a proof, or a copy of one')
    .option('--against <file>', 'a checkpoint kept elsewhere: finds an end that was cut off')
    .option('--key <file>', 'the public log key, kept elsewhere; without it the one in the folder')
    .option('--save-checkpoint <file>', 'write the last signed head there, to be kept elsewhere')
    .option('--json', 'print as JSON')
    .action(async (target: string, options: AuditVerifyOptions) => {
      await run(
        async () => await (await import('./audit-verify.ts')).runAuditVerify(target, options),
      );
    });
}

/** What can be given to others. */
function registerProofs(audit: Command): void {
  audit
    .command('prove')
    .description('Prints a proof of one event, or of all events of one message.')
    .argument('<which>', 'the number of an event, or a queue id')
    .argument('[folder]', 'an audit folder; or name the gateway with --config')
    .option('--config <file>', 'the gateway config')
    .option('--from <checkpoint>', 'proves as well that the log continues this older head')
    .option('--out <file>', 'write it there instead of to standard output')
    .option('--index <file>', 'keep the index of the folder there for the next time')
    .action(async (which: string, folder: string | undefined, options: AuditProveOptions) => {
      await run(
        async () => await (await import('./audit-prove.ts')).runAuditProve(which, folder, options),
      );
    });
  audit
    .command('export')
    .description('Writes chosen events with their proofs into a new folder.')
    .argument('[folder]', 'an audit folder; or name the gateway with --config')
    .requiredOption('--out <folder>', 'where to; it must not be there yet')
    .option('--config <file>', 'the gateway config')
    .option('--format <format>', 'csv or json', 'csv')
    .option('--kind <kind>', 'only events of this kind; may stand several times', several)
    .option('--queue-id <id>', 'only events of this message')
    .option('--address <address>', 'only events that name this address')
    .option('--domain <domain>', 'only events that name this domain, or one below it')
    .option('--since <time>', 'only from this RFC 3339 time on')
    .option('--until <time>', 'only up to this RFC 3339 time')
    .option('--withhold <names>', 'leave these personal fields out, or all with: personal')
    .option('--from <checkpoint>', 'proves as well that the log continues this older head')
    .option('--index <file>', 'keep the index of the folder there for the next time')
    .action(async (folder: string | undefined, options: AuditExportOptions) => {
      await run(
        async () => await (await import('./audit-export.ts')).runAuditExport(folder, options),
      );
    });
}

/** What the log's own disk asks for. */
function registerCare(audit: Command): void {
  audit
    .command('retain')
    .description('Removes old segments of the log; their roots stay, so that the rest is provable.')
    .requiredOption('--config <file>', 'the gateway config')
    .requiredOption(
      '--before <time>',
      'segments whose events are all older than this RFC 3339 time',
    )
    .option('--by <name>', 'who gives the order')
    .option('--dry-run', 'only say what would be removed')
    .option('--json', 'print as JSON')
    .action(async (options: AuditRetainOptions) => {
      await run(async () => await (await import('./audit-retain.ts')).runAuditRetain(options));
    });
  audit
    .command('index')
    .description('Brings the search index of the console up to date; it can always be made anew.')
    .requiredOption('--config <file>', 'the gateway config')
    .option('--rebuild', 'forget what it holds first')
    .option('--json', 'print as JSON')
    .action(
      async (options: {
        readonly config: string;
        readonly rebuild?: boolean;
        readonly json?: boolean;
      }) => {
        await run(async () => await (await import('./audit-index.ts')).runAuditIndex(options));
      },
    );
}
