import { type Command, Option } from 'commander';
import type { KeyGenerateOptions } from './key.ts';
import type { KeyImportOptions } from './key-import.ts';
import type { KeyOptions } from './key-session.ts';
import { run } from './run.ts';

const KINDS = ['rsa-2048', 'rsa-3072', 'ec-p256', 'ec-p384'];
const CLASSES = ['domain-signing', 'domain-confidentiality'];
const OFFLINE =
  'go on though the recorder does not answer; the step is then not in the audit log. Without this, ' +
  'nothing changes while it cannot be recorded';

/** `key list|generate|import|csr|activate`. */
export function registerKey(program: Command): void {
  const key = program
    .command('key')
    .description('The life of the domain keys, each step recorded.');
  const add = (name: string, description: string): Command =>
    key
      .command(name)
      .description(description)
      .requiredOption('--config <file>', 'the gateway config');
  const change = (name: string, description: string): Command =>
    add(name, description)
      .option('--offline', OFFLINE)
      .option('--by <name>', 'who does it; else $USER');

  add('list', 'Every key, its state and its certificate.')
    .option('--json', 'one JSON object a line')
    .action(async (options: KeyOptions) => {
      await run(async () => await (await import('./key.ts')).runKeyList(options));
    });
  change(
    'generate',
    'Makes a pending key pair and prints a request (CSR) for it, or issues its certificate.',
  )
    .addOption(
      new Option('--for <class>', 'what the key is for').choices(CLASSES).makeOptionMandatory(),
    )
    .option('--domain <domain>', 'which domain, if the gateway has several')
    .addOption(new Option('--key-kind <kind>', 'kind of key').choices(KINDS).default('rsa-3072'))
    .option('--self-issue', 'certificate from the own CA; its passphrase is asked for')
    .option(
      '--passphrase-file <file>',
      'take the passphrase from its first line; - is standard input',
    )
    .option('--activate', 'put it in use at once (with --self-issue); the former one is retired')
    .option('--json', 'print as JSON')
    .action(async (options: KeyGenerateOptions) => {
      await run(async () => await (await import('./key.ts')).runKeyGenerate(options));
    });
  change('import', 'Takes a certificate in after checking its name, key and path.')
    .argument('<file>', 'PEM: the certificate, then those between it and the root')
    .option(
      '--key <file>',
      'its private key in PEM, FILE or FILE:password, if it was not made here',
    )
    .option('--anchors <file>', 'roots it must lead to; else the own CA')
    .option(
      '--activate',
      'put it in use at once; the former one is retired (confidentiality: decrypts on)',
    )
    .option('--json', 'print as JSON')
    .action(async (file: string, options: KeyImportOptions) => {
      await run(async () => await (await import('./key-import.ts')).runKeyImport(file, options));
    });
  add('csr', 'Prints a certificate request for a key.')
    .argument('<keyId>', 'as key list prints it')
    .action(async (keyId: string, options: KeyOptions) => {
      await run(async () => await (await import('./key.ts')).runKeyCsr(keyId, options));
    });
  change('activate', 'Puts a key that has its certificate in use; the former one is retired.')
    .argument('<keyId>', 'as key list prints it')
    .action(async (keyId: string, options: KeyOptions) => {
      await run(async () => await (await import('./key.ts')).runKeyActivate(keyId, options));
    });
}
