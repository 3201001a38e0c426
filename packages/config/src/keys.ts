import { z } from 'zod';
import { durationBetween, pathField } from './fields.ts';

/** Private keys: in sealed files or on a token. */
export const keysSchema = z.strictObject({
  seal: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z
          .literal('credential')
          .describe('random bytes, as LoadCredential of systemd has them'),
        credentialFile: pathField.describe(
          'at least 32 bytes; keep it out of the backup of the data',
        ),
      }),
      z.strictObject({
        kind: z.literal('passphrase').describe('a passphrase, made into a key by argon2id'),
        passphraseFile: pathField.describe('its first line, at least 12 characters'),
      }),
    ])
    .optional()
    .describe('what key files are sealed under; else keyholder/seal-credential in the data folder'),
  token: z
    .strictObject({
      moduleFile: pathField.describe('PKCS#11 module of the vendor, a shared library'),
      pinFile: pathField.describe(
        'its first line is the PIN of the user; readable by its owner alone',
      ),
      sessions: z.number().int().min(1).max(64).default(4).describe('uses of the token at once'),
      timeout: durationBetween(1_000, 60_000)
        .prefault('10s')
        .describe('longest time for one use; then mail waits'),
      environment: z
        .record(
          z.string().regex(/^(?!LD_|NODE_|PATH$)[A-Z][A-Z0-9_]{0,63}$/),
          z.string().max(4_096),
        )
        .default({})
        .describe('variables that the module reads, for example SOFTHSM2_CONF; never a secret'),
    })
    .optional()
    .describe('keys on a PKCS#11 token (smart card, HSM, SoftHSM)'),
});
