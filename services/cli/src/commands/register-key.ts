import { type Command, Option } from 'commander';
import type { KeyGenerateOptions } from './key.ts';
import type { KeyImportOptions } from './key-import.ts';
import type { KeyOptions } from './key-session.ts';
import { run } from './run.ts';

const ALGORITHMS = [
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
  'ec-p256',
  'ec-p384',
  'ec-p521',
  'ed25519',
  'ml-dsa-65',
  'ml-dsa-87',
  'x25519',
  'ml-kem-768',
  'ml-kem-1024',
];
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
  registerGenerate(
    change(
      'generate',
      'Makes a pending key pair and prints a request (CSR) for it, or issues its certificate.',
    ),
  );
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
    .option(
      '--beside',
      'signing keys only: the former one stays in use, and both sign every message, as RSA and ECDSA for example',
    )
    .action(async (keyId: string, options: KeyOptions & { readonly beside?: boolean }) => {
      await run(async () => await (await import('./key.ts')).runKeyActivate(keyId, options));
    });
}

function registerGenerate(generate: Command): void {
  generate
    .addOption(
      new Option('--for <class>', 'what the key is for').choices(CLASSES).makeOptionMandatory(),
    )
    .option('--domain <domain>', 'which domain, if the gateway has several')
    .addOption(
      new Option(
        '--algorithm <name>',
        'kind of key; ed25519 and ml-dsa only sign, x25519 and ml-kem only receive',
      )
        .choices(ALGORITHMS)
        .default('rsa-3072'),
    )
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
}
