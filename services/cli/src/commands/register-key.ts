import type { KeyClass } from '@sallyport/ipc';
import { OWN_REVOCATION_REASONS } from '@sallyport/pki';
import { type Command, Option } from 'commander';
import { type Add, onGateway } from './command-group.ts';
import type { OrganizationOptions } from './key.ts';
import type { KeyGenerateOptions } from './key-generate.ts';
import type { KeyImportOptions } from './key-import.ts';
import type { KeyCrlOptions, KeyRevokeOptions } from './key-revoke.ts';
import type { KeyRolloverOptions } from './key-rollover.ts';
import type { KeyOptions } from './key-session.ts';
import type { KeyActivateOptions } from './key-steps.ts';
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
  'go on though no recorder answers and none can be started; the step is then not in the audit log';
const KINDS = 'kind of key; ed25519 and ml-dsa only sign, x25519 and ml-kem only receive';

/** `key list|seal|generate|import|csr|activate|retire|reopen|destroy|rollover|revoke|crl`. */
export function registerKey(program: Command): void {
  const key = program
    .command('key')
    .description('The life of the domain keys, each step recorded.');
  const onKey = onGateway(key);
  const add: Add = (name, description) =>
    onKey(name, description).option('--json', 'print as JSON, one object a line');
  const change: Add = (name, description) =>
    add(name, description)
      .option('--offline', OFFLINE)
      .option('--by <name>', 'who does it; else $USER');

  add('list', 'Every key, its state and its certificate.').action(async (options: KeyOptions) => {
    await run(async () => await (await import('./key.ts')).runKeyList(options));
  });
  add('seal', 'Seals private keys that lie in clear, as first releases wrote them.').action(
    async (options: KeyOptions) => {
      await run(async () => await (await import('./key-seal.ts')).runKeySeal(options));
    },
  );
  registerGenerate(change);
  registerRollover(change);
  registerImport(change);
  withOrganization(add('csr', 'Prints a certificate request (PKCS#10) for a key.'))
    .argument('<keyId>', 'as key list prints it')
    .action(async (keyId: string, options: KeyOptions & OrganizationOptions) => {
      await run(async () => await (await import('./key.ts')).runKeyCsr(keyId, options));
    });
  registerSteps(change);
  registerRevocation(change);
}

function withOrganization(command: Command): Command {
  return command
    .option('--country <code>', 'of the subject in the request, as DE')
    .option('--state <name>', '… its state or province')
    .option('--locality <name>', '… its town')
    .option('--organization <name>', '… its organization')
    .option('--unit <name>', '… its organizational unit');
}

function withPassphrase(command: Command, what: string): Command {
  return command.option(
    '--passphrase-file <file>',
    `take ${what} from its first line; - is standard input`,
  );
}

function registerGenerate(change: Add): void {
  const generate = change(
    'generate',
    'Makes a key pair and prints a request (CSR) for it, or issues its certificate.',
  )
    .addOption(
      new Option('--for <class>', 'what the key is for')
        .choices([...CLASSES, 'dkim'])
        .makeOptionMandatory(),
    )
    .option('--domain <domain>', 'which domain, if the gateway has several')
    .addOption(
      new Option('--algorithm <name>', `${KINDS}; else rsa-3072, for dkim rsa-2048`).choices(
        ALGORITHMS,
      ),
    )
    .option('--selector <name>', 'of a dkim key: the name under which its TXT record stands')
    .option('--token <label>', 'make it on this PKCS#11 token, which it never leaves')
    .option('--self-issue', 'certificate from the own CA; its passphrase is asked for');
  withOrganization(withPassphrase(generate, 'the passphrase of the CA'))
    .option('--activate', 'put it in use at once (with --self-issue); the former one is retired')
    .action(async (options: Omit<KeyGenerateOptions, 'for'> & { readonly for: KeyClass }) => {
      const { for: keyClass } = options;
      await run(async () =>
        keyClass === 'domain-signing' || keyClass === 'domain-confidentiality'
          ? await (await import('./key-generate.ts')).runKeyGenerate({ ...options, for: keyClass })
          : await (await import('./key-generate-dkim.ts')).runKeyGenerateDkim(options),
      );
    });
}

function registerRollover(change: Add): void {
  const rollover = change(
    'rollover',
    'Makes the successors of the keys in use and plans when they take over: mail to the former key ' +
      'still opens, what it signed still verifies. Prints the DNS lines to publish first.',
  )
    .addOption(new Option('--for <class>', 'one of the two; else both').choices(CLASSES))
    .option('--domain <domain>', 'which domain, if the gateway has several')
    .addOption(
      new Option('--algorithm <name>', `${KINDS}; else as the key in use`).choices(ALGORITHMS),
    )
    .option('--token <label>', 'make them on this PKCS#11 token')
    .option('--at <time>', 'when they take over, as 2026-12-31T06:00:00Z; else in 48 hours')
    .option('--now', 'they take over at once: after a compromise')
    .option('--csr', 'print requests for a CA outside, though there is one of our own');
  withOrganization(withPassphrase(rollover, 'the passphrase of the CA')).action(
    async (options: KeyRolloverOptions) => {
      await run(async () => await (await import('./key-rollover.ts')).runKeyRollover(options));
    },
  );
}

function registerImport(change: Add): void {
  const command = change(
    'import',
    'Takes a certificate in after checking its name, key, strength and path.',
  )
    .argument(
      '<file>',
      'PEM: the certificate, then those between it and the root; or PKCS#12, FILE or FILE:password',
    )
    .option(
      '--key <file>',
      'its private key, if it is neither here nor in the file: PEM or PKCS#12, FILE or FILE:password; or a key of the token, pkcs11:…',
    )
    .option('--anchors <file>', 'roots it must lead to; else the own CA');
  withPassphrase(command, 'the password of the file')
    .option(
      '--activate',
      'put it in use at once; the former one is retired (confidentiality: decrypts on)',
    )
    .action(async (file: string, options: KeyImportOptions) => {
      await run(async () => await (await import('./key-import.ts')).runKeyImport(file, options));
    });
}

function registerSteps(change: Add): void {
  change('activate', 'Puts a key that has its certificate in use; the former one is retired.')
    .argument('<keyId>', 'as key list prints it')
    .option('--at <time>', 'at this time, as 2026-12-31T06:00:00Z, by the running gateway')
    .option('--cancel', 'take a planned time back')
    .option(
      '--beside',
      'signing and dkim keys only: the former one stays in use, and both sign every message, as RSA and ECDSA for example',
    )
    .action(async (keyId: string, options: KeyActivateOptions) => {
      await run(async () => await (await import('./key-steps.ts')).runKeyActivate(keyId, options));
    });
  change('retire', 'Takes a key out of use; one for confidentiality opens mail first, then rests.')
    .argument('<keyId>', 'as key list prints it')
    .action(async (keyId: string, options: KeyOptions) => {
      await run(async () => await (await import('./key-steps.ts')).runKeyRetire(keyId, options));
    });
  change('reopen', 'Lets a retired confidentiality key open mail again.')
    .argument('<keyId>', 'as key list prints it')
    .action(async (keyId: string, options: KeyOptions) => {
      await run(async () => await (await import('./key-steps.ts')).runKeyReopen(keyId, options));
    });
  change('destroy', 'Overwrites and removes the private key of a retired key; its record stays.')
    .argument('<keyId>', 'as key list prints it')
    .action(async (keyId: string, options: KeyOptions) => {
      await run(async () => await (await import('./key-steps.ts')).runKeyDestroy(keyId, options));
    });
}

function registerRevocation(change: Add): void {
  const days = ['--days <number>', 'how long the list holds; else 90'] as const;
  const revoke = change('revoke', 'Revokes a certificate of the own CA and publishes its next CRL.')
    .argument('<name>', 'a key as key list prints it, or a PEM file with the certificate')
    .addOption(
      new Option('--reason <reason>', 'why, as RFC 5280 has it')
        .choices(OWN_REVOCATION_REASONS)
        .default('unspecified'),
    )
    .option(...days);
  withPassphrase(revoke, 'the passphrase of the CA').action(
    async (name: string, options: KeyRevokeOptions) => {
      await run(async () => await (await import('./key-revoke.ts')).runKeyRevoke(name, options));
    },
  );
  const crl = change('crl', 'Issues the next CRL of the own CA, before the last one ends.').option(
    ...days,
  );
  withPassphrase(crl, 'the passphrase of the CA').action(async (options: KeyCrlOptions) => {
    await run(async () => await (await import('./key-revoke.ts')).runKeyCrl(options));
  });
}
