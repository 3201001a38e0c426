import type { Command } from 'commander';
import type { CertVerifyOptions } from './cert-verify.ts';
import { run, several } from './run.ts';

interface Options {
  readonly config: string;
  readonly json?: boolean;
}

/** `partner list|show|import|export|simulate`. */
export function registerPartner(program: Command): void {
  const partner = program
    .command('partner')
    .description('Partner policy: numbered versions, one in force.');
  const add = (name: string, description: string): Command =>
    partner
      .command(name)
      .description(description)
      .requiredOption('--config <file>', 'the gateway config')
      .option('--json', 'print as JSON');

  add('list', 'Every partner and the heart of its rules.').action(async (options: Options) => {
    await run(async () => await (await import('./partner.ts')).runPartnerList(options));
  });
  add('show', "One partner's record.")
    .argument('<partner>', 'its name or one of its domains')
    .action(async (which: string, options: Options) => {
      await run(async () => await (await import('./partner.ts')).runPartnerShow(which, options));
    });
  add('import', 'Makes a YAML file the next policy version and puts it in force.')
    .argument('<file>', 'the whole policy, as export prints it')
    .requiredOption('--reason <text>', 'why; kept with the version')
    .option('--by <name>', 'author of the version; else $USER')
    .action(async (file: string, options: Options & { reason: string; by?: string }) => {
      await run(async () => await (await import('./partner.ts')).runPartnerImport(file, options));
    });
  add('export', 'Prints the policy in force as import takes it.')
    .option('--version <number>', 'another version')
    .action(async (options: Options & { version?: string }) => {
      await run(async () => await (await import('./partner.ts')).runPartnerExport(options));
    });
  add(
    'simulate',
    'Says what would happen to a message and why; nothing is sent. Asks the running gateway.',
  )
    .requiredOption('--from <address>', 'the reverse-path')
    .requiredOption('--to <address>', 'one recipient')
    .action(async (options: Options & { from: string; to: string }) => {
      await run(async () => await (await import('./partner.ts')).runPartnerSimulate(options));
    });
}

/** `cert locate|verify`. */
export function registerCert(program: Command): void {
  const cert = program.command('cert').description("Partners' certificates.");
  cert
    .command('locate')
    .description(
      'Looks for the certificate of an address as the running gateway would, step by step.',
    )
    .argument('<address>', 'a recipient')
    .requiredOption('--config <file>', 'the gateway config')
    .option('--json', 'print as JSON')
    .action(async (address: string, options: Options) => {
      await run(async () => await (await import('./cert.ts')).runCertLocate(address, options));
    });
  registerVerify(cert);
}

function registerVerify(cert: Command): void {
  cert
    .command('verify')
    .description(
      'Validates the certification path of certificates (RFC 5280), offline. ' +
        'With --jsonl reads one case a line from standard input and writes one result a line.',
    )
    .argument('[files...]', 'certificates in PEM or DER, the end entity first in each file')
    .option(
      '--jsonl',
      'cases {"anchors","intermediates","crls","leaf","time","purpose","name"} in, {"ok","reason","path"} out',
    )
    .option('--json', 'print one JSON object a file')
    .option('--anchors <file>', 'trust anchors in PEM or DER; may stand several times', several)
    .option('--intermediates <file>', 'other certificates; may stand several times', several)
    .option('--crls <file>', 'revocation lists; may stand several times', several)
    .option('--revocation <mode>', 'hard, soft or off; else hard where --crls is given')
    .option('--time <time>', 'judge as of this RFC 3339 time; else now')
    .option('--purpose <purpose>', 'email, server or any', 'any')
    .option('--name <name>', 'email:ADDRESS, dns:DOMAIN or ip:ADDRESS that it must be for')
    .action(async (files: readonly string[], options: CertVerifyOptions) => {
      await run(async () => await (await import('./cert-verify.ts')).runCertVerify(files, options));
    });
}
