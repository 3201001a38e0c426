import { type Command, Option } from 'commander';
import type { InitOptions } from './init.ts';
import { run } from './run.ts';

const KEY_KINDS = ['rsa-2048', 'rsa-3072', 'ec-p256', 'ec-p384'];

/** `sandbox`, `init`, `serve`, `check-config`, `dns`. */
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
  registerInit(program);
  program
    .command('dns')
    .description('Zone lines to publish: MX, SRV, SMIMEA, CERT and TLSA of every domain.')
    .requiredOption('--config <file>', 'the gateway config')
    .option('--json', 'one JSON object a line')
    .action(async (options: { config: string; json?: boolean }) => {
      await run(async () => await (await import('./dns.ts')).runDns(options));
    });
}

function registerInit(program: Command): void {
  program
    .command('init')
    .description(
      'A production start: a folder with config, keys, certificates of an own CA, and the first policy. ' +
        'Never overwrites. Keys made here are older than the audit log, so it has no event of them.',
    )
    .requiredOption('--domain <domain>', 'your mail domain')
    .option('--dir <dir>', 'where to put it; else a folder named as the domain')
    .option('--name <host>', 'name of the gateway host; else gw.DOMAIN')
    .addOption(
      new Option('--key-kind <kind>', 'kind of keys').choices(KEY_KINDS).default('rsa-3072'),
    )
    .option('--inner-mta <host:port>', 'who takes mail for the domain', '127.0.0.1:10026')
    .option('--runtime-dir <dir>', 'for Unix sockets; at most 80 characters once absolute', 'run')
    .option(
      '--passphrase-file <file>',
      'passphrase for the CA key, its first line; - is standard input',
    )
    .option('--by <name>', 'author of the first policy version; else $USER')
    .action(async (options: InitOptions) => {
      await run(async () => await (await import('./init.ts')).runInit(options));
    });
}
