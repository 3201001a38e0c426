import type { Command } from 'commander';
import { run } from './run.ts';

/** `sandbox`, `serve`, `check-config`. */
export function registerGateway(program: Command): void {
  program
    .command('sandbox')
    .description('Two organisations on loopback exchange protected mail, explained step by step.')
    .option('--once', 'end after the trace; exit code 0 only if every step worked')
    .option('--keep <dir>', 'leave all data of both gateways in this folder')
    .action(async (options: { once?: boolean; keep?: string }) => {
      const request = { once: options.once === true, keep: options.keep ?? null };
      await run(async () => await (await import('../sandbox/run.ts')).runSandbox(request));
    });
  program
    .command('serve')
    .description('Runs the gateway of a config file.')
    .requiredOption('--config <file>', 'the gateway config')
    .option('--role <roles>', 'only these processes, separated by commas')
    .action(async ({ config, role }: { config: string; role?: string }) => {
      await run(async () => await (await import('./serve.ts')).runServe(config, role ?? null));
    });
  program
    .command('check-config')
    .description('Loads a config file as serve would and prints path and reason of each fault.')
    .argument('<file>', 'the gateway config')
    .option('--json', 'print as JSON')
    .action(async (file: string, options: { json?: boolean }) => {
      const json = options.json === true;
      await run(async () => await (await import('./check-config.ts')).runCheckConfig(file, json));
    });
}
