import { Command } from 'commander';

/** All commands; each loads its code only when it is run. */
export function buildProgram(): Command {
  const program = new Command('sallyport')
    .description(
      'A secure messaging gateway for mail: domain signatures and domain encryption (RFC 3183).',
    )
    .version('0.1.0')
    .showHelpAfterError('(add --help for what it takes)');

  program
    .command('sandbox')
    .description('Two organisations on loopback exchange protected mail, explained step by step.')
    .option('--once', 'end after the trace; exit code 0 only if every step worked')
    .option('--keep <dir>', 'leave all data of both gateways in this folder')
    .action(async (options: { once?: boolean; keep?: string }) => {
      const { runSandbox } = await import('./sandbox/run.ts');
      process.exitCode = await runSandbox({
        once: options.once === true,
        keep: options.keep ?? null,
      });
    });

  program
    .command('serve')
    .description('Runs the gateway of a config file.')
    .requiredOption('--config <file>', 'the gateway config')
    .option('--role <roles>', 'only these processes, separated by commas')
    .action(async (options: { config: string; role?: string }) => {
      const { runServe } = await import('./commands/serve.ts');
      process.exitCode = await runServe(options.config, options.role ?? null);
    });

  program
    .command('check-config')
    .description('Loads a config file as serve would and prints path and reason of each fault.')
    .argument('<file>', 'the gateway config')
    .option('--json', 'print as JSON')
    .action(async (file: string, options: { json?: boolean }) => {
      const { runCheckConfig } = await import('./commands/check-config.ts');
      process.exitCode = await runCheckConfig(file, options.json === true);
    });

  return program;
}
