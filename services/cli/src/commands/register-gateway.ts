import { type Command, Option } from 'commander';
import type { DoctorOptions } from './doctor.ts';
import type { InitOptions } from './init.ts';
import { run } from './run.ts';
import type { ServeOptions } from './serve.ts';
import type { SurveyOptions } from './survey.ts';

interface DnsOptions {
  readonly config: string;
  readonly check?: boolean;
  readonly users?: boolean;
  readonly json?: boolean;
}

const KEY_KINDS = ['rsa-2048', 'rsa-3072', 'ec-p256', 'ec-p384'];

/** `sandbox`, `init`, `serve`, `check-config`, `doctor`, `dns`, `survey`. */
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
    .option('--test-clock <file>', 'follow the RFC 3339 time in a file; only with test: true')
    .action(async (options: ServeOptions) => {
      await run(async () => await (await import('./serve.ts')).runServe(options));
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
  program
    .command('doctor')
    .description(
      'Looks at everything the gateway needs: config, secrets, disk, keys, certificates, policy, audit log, clock, ' +
        'processes, ports, DNS, and all that it must reach; says what is wrong and what to do. Changes nothing. ' +
        'Exit code 1 if something keeps the gateway from its work.',
    )
    .requiredOption('--config <file>', 'the gateway config')
    .option('--offline', 'ask nobody but this host')
    .option('--json', 'print as JSON')
    .action(async (options: DoctorOptions) => {
      await run(async () => await (await import('./doctor.ts')).runDoctor(options));
    });
  registerInit(program);
  registerSurvey(program);
  program
    .command('dns')
    .description(
      'Zone lines to publish for every domain: MX, SRV, CERT, SMIMEA, TLSA, MTA-STS, TLSRPT, DKIM.',
    )
    .requiredOption('--config <file>', 'the gateway config')
    .option('--check', 'compare them with what the resolver of the config sees; 0 only if all fit')
    .option('--users', "print the lines of users' certificates as well")
    .option('--json', 'one JSON object a line')
    .action(async ({ check, ...options }: DnsOptions) => {
      await run(async () =>
        check === true
          ? await (await import('./dns-check.ts')).runDnsCheck(options)
          : await (await import('./dns.ts')).runDns(options),
      );
    });
}

function registerSurvey(program: Command): void {
  program
    .command('survey')
    .description(
      'What domains publish about their mail and their certificates, and what is wrong with it: every door, ' +
        'TLS of the mail servers, DNSSEC, MTA-STS, TLSRPT. Exit code 1 if something stands in the way of protected mail.',
    )
    .argument('<domain...>', 'mail domains')
    .option('--config <file>', 'a gateway whose resolver and partner anchors count')
    .option('--anchors <file>', 'PEM of trust anchors for all domains, in place of the policy')
    .option('--steps', 'print every question that was asked')
    .option('--json', 'one JSON object a line and domain')
    .action(async (domains: string[], options: SurveyOptions) => {
      await run(async () => await (await import('./survey.ts')).runSurvey(domains, options));
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
