import { type Command, Option } from 'commander';
import type { MessageDecryptOptions } from './message-decrypt.ts';
import type { MessageInspectOptions } from './message-inspect.ts';
import type { MessageEncryptOptions, MessageSignOptions } from './message-seal.ts';
import { run, several } from './run.ts';

const CONTENT = ['auto', 'aes128-cbc', 'aes256-cbc', 'aes128-gcm', 'aes256-gcm'];
const KEY_TRANSPORT = ['auto', 'rsa-pkcs1v15', 'rsa-oaep', 'ecdh'];

/** `message inspect|sign|encrypt|decrypt`: the gateway's engine, offline. */
export function registerMessage(program: Command): void {
  const message = program
    .command('message')
    .description('What the gateway would find in a message, or do to it; offline.');
  registerInspect(message);
  message
    .command('sign')
    .description('Signs the message of standard input; the signed one goes to standard output.')
    .requiredOption(
      '--key <file>',
      'private key, PEM or PKCS#12, FILE or FILE:password; may hold the certificate',
    )
    .option('--certificate <file>', 'its certificate, if that is not in the key file')
    .option('--chain <file>', 'further certificates to send along, PEM')
    .addOption(
      new Option(
        '--profile <profile>',
        'domsec: RFC 3183 layers; compat: one clear-signed multipart/signed',
      )
        .choices(['domsec', 'compat'])
        .default('domsec'),
    )
    .option('--no-protect-headers', 'sign the body alone, not the header fields too')
    .option('--time <time>', 'signing time, RFC 3339; else now')
    .action(async (options: MessageSignOptions) => {
      await run(async () => await (await import('./message-seal.ts')).runMessageSign(options));
    });
  message
    .command('encrypt')
    .description('Encrypts the message of standard input; the result goes to standard output.')
    .requiredOption('--to <file>', 'certificate to encrypt to; may stand several times', several)
    .addOption(
      new Option('--content <name>', 'content encryption').choices(CONTENT).default('auto'),
    )
    .addOption(
      new Option('--key-transport <name>', 'how the content key travels')
        .choices(KEY_TRANSPORT)
        .default('auto'),
    )
    .option('--time <time>', 'when the certificates must be valid, RFC 3339; else now')
    .action(async (options: MessageEncryptOptions) => {
      await run(async () => await (await import('./message-seal.ts')).runMessageEncrypt(options));
    });
  message
    .command('decrypt')
    .description('Decrypts the message of standard input; signatures in it stay as they are.')
    .requiredOption(
      '--key <file>',
      'private key, PEM or PKCS#12, FILE or FILE:password; may stand several times',
      several,
    )
    .option('--certificate <file>', 'its certificate, if that is not in the key file')
    .action(async (options: MessageDecryptOptions) => {
      await run(
        async () => await (await import('./message-decrypt.ts')).runMessageDecrypt(options),
      );
    });
}

function registerInspect(message: Command): void {
  message
    .command('inspect')
    .description(
      'One JSON object a line and file: every layer, signer, name, algorithm, and the verdict as a sentence. ' +
        'Exit code 0 if every file could be read, whatever is in it.',
    )
    .argument('<files...>', 'messages, or bare CMS objects; - is standard input')
    .option('--anchors <file>', 'trust anchors in PEM or DER; may stand several times', several)
    .option(
      '--crls <file>',
      'accepted, but this version does not check revocation and says so',
      several,
    )
    .option(
      '--keys <file>',
      'private key and its certificate in one file, PEM or PKCS#12, FILE or FILE:password; may stand several times',
      several,
    )
    .option('--time <time>', 'judge as of this RFC 3339 time; else now')
    .option(
      '--policy <file>',
      'a policy as partner export prints it: its anchors, and what it would do',
    )
    .action(async (files: string[], options: MessageInspectOptions) => {
      await run(
        async () => await (await import('./message-inspect.ts')).runMessageInspect(files, options),
      );
    });
}
