import type { Command } from 'commander';
import { onGateway } from './command-group.ts';
import { run } from './run.ts';
import type { TlsReportOptions } from './tls-report.ts';

/** `tls-report list|show`. */
export function registerTlsReport(program: Command): void {
  const reports = program
    .command('tls-report')
    .description('What others report of their TLS towards us (RFC 8460).');
  const add = onGateway(reports);

  add('list', 'The reports that were received, the newest last.')
    .option('--failures', 'only those with failed sessions')
    .option('--limit <number>', 'at most so many, the newest', '100')
    .option('--json', 'one JSON object a line')
    .action(async (options: TlsReportOptions) => {
      await run(async () => await (await import('./tls-report.ts')).runTlsReportList(options));
    });
  add('show', 'All that one report says: policies, sessions, failures.')
    .argument('<id>', 'its id, as list shows it')
    .option('--json', 'print as JSON')
    .action(async (id: string, options: TlsReportOptions) => {
      await run(async () => await (await import('./tls-report.ts')).runTlsReportShow(id, options));
    });
}
