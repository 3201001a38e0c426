import { type Command, Option } from 'commander';
import type { MessageDecryptOptions } from './message-decrypt.ts';
import type { MessageInspectOptions } from './message-inspect.ts';
import type { MessageEncryptOptions, MessageSignOptions } from './message-seal.ts';
import { run, several } from './run.ts';

const CONTENT = [
  'auto',
  'aes128-cbc',
  'aes192-cbc',
  'aes256-cbc',
  'aes128-gcm',
  'aes192-gcm',
  'aes256-gcm',
  'chacha20-poly1305',
];
const DIGESTS = ['sha256', 'sha384', 'sha512'];
const OAEP_HASHES = ['sha1', 'sha224', ...DIGESTS];
const IDENTIFIERS = ['issuer-serial', 'key-id'];
const SIGNATURE_TYPES = ['originator', 'domain', 'additional-attributes', 'review'];
const KEY_TRANSPORT = ['auto', 'rsa-pkcs1v15', 'rsa-oaep', 'ecdh', 'ml-kem'];

/** `message inspect|sign|encrypt|decrypt`: the gateway's engine, offline. */
export function registerMessage(program: Command): void {
  const message = program
    .command('message')
    .description('What the gateway would find in a message, or do to it; offline.');
  registerInspect(message);
  registerSign(message);
  registerEncrypt(message);
  registerDecrypt(message);
}

function registerSign(message: Command): void {
  message
    .command('sign')
    .description('Signs the message of standard input; the signed one goes to standard output.')
    .requiredOption(
      '--key <file>',
      'private key, PEM or PKCS#12, FILE or FILE:password; may hold the certificate; may stand several times, all sign side by side',
      several,
    )
    .option('--certificate <file>', 'the certificates of the keys, if not in the key files')
    .option('--chain <file>', 'further certificates to send along, PEM')
    .addOption(
      new Option('--type <type>', 'what the signature is (RFC 3183 section 3.1.2)')
        .choices(SIGNATURE_TYPES)
        .default('domain'),
    )
    .option(
      '--label <label>',
      'security label, POLICY[:CLASSIFICATION[:MARK]] (RFC 2634 section 3.2)',
    )
    .option(
      '--equivalent-label <label>',
      'a label of another policy that means the same; may stand several times',
      several,
    )
    .addOption(
      new Option(
        '--profile <profile>',
        'domsec: RFC 3183 layers; compat: one clear-signed multipart/signed',
      )
        .choices(['domsec', 'compat'])
        .default('domsec'),
    )
    .option('--no-protect-headers', 'sign the body alone, not the header fields too')
    .addOption(
      new Option(
        '--header-confidentiality <policy>',
        'for what message encrypt takes next: which header fields stay readable (RFC 9788 section 3.2)',
      ).choices(['baseline', 'shy', 'none']),
    )
    .addOption(
      new Option('--digest <name>', 'digest of the content; else as the key suggests').choices(
        DIGESTS,
      ),
    )
    .option('--pss', 'sign with RSASSA-PSS where the key is RSA; else PKCS#1 v1.5')
    .addOption(
      new Option('--signer-id <form>', 'how the certificate is named')
        .choices(IDENTIFIERS)
        .default('issuer-serial'),
    )
    .option('--time <time>', 'signing time, RFC 3339; else now')
    .action(async (options: MessageSignOptions) => {
      await run(async () => await (await import('./message-seal.ts')).runMessageSign(options));
    });
}

function registerEncrypt(message: Command): void {
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
    .option('--allow-ml-kem', 'with auto: ML-KEM certificates may stand beside others')
    .addOption(
      new Option('--oaep-hash <name>', 'hash of rsa-oaep').choices(OAEP_HASHES).default('sha256'),
    )
    .addOption(
      new Option('--oaep-mgf1-hash <name>', 'hash of its mask; else as --oaep-hash').choices(
        OAEP_HASHES,
      ),
    )
    .option('--oaep-label <text>', 'its label; else none')
    .addOption(
      new Option('--recipient-id <form>', 'how the certificates are named')
        .choices(IDENTIFIERS)
        .default('issuer-serial'),
    )
    .option('--time <time>', 'when the certificates must be valid, RFC 3339; else now')
    .action(async (options: MessageEncryptOptions) => {
      await run(async () => await (await import('./message-seal.ts')).runMessageEncrypt(options));
    });
}

function registerDecrypt(message: Command): void {
  message
    .command('decrypt')
    .description('Decrypts the message of standard input; signatures in it stay as they are.')
    .requiredOption(
      '--key <file>',
      'private key, PEM or PKCS#12, FILE or FILE:password; may stand several times',
      several,
    )
    .option('--certificate <file>', 'its certificate, if that is not in the key file')
    .option('--legacy', 'open 3DES too, for old mail')
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
      'revocation lists in PEM or DER; a certificate on one of them is refused; may stand several times',
      several,
    )
    .option(
      '--keys <file>',
      'private key and its certificate in one file, PEM or PKCS#12, FILE or FILE:password; may stand several times',
      several,
    )
    .option(
      '--legacy',
      'work out SHA-1 signatures and 3DES content too; the result names them under legacy',
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
