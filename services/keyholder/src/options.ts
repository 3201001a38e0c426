import { sealSourceSchema } from '@sallyport/ipc';
import { z } from 'zod';

/** What the supervisor writes for the keyholder. Paths are absolute. */
export const keyholderOptionsSchema = z.strictObject({
  keyFolder: z
    .string()
    .min(1)
    .describe('`<keyId>.json` records, private key files and `rejection-secret`'),
  seal: sealSourceSchema.optional().describe('what the private key files are sealed under'),
  token: z
    .strictObject({
      moduleFile: z.string().min(1).describe('PKCS#11 module, a shared library'),
      pinFile: z.string().min(1).describe('first line: the PIN; mode 0600'),
      sessions: z.int().min(1).max(64).describe('uses of the token at once'),
      timeoutMs: z.int().min(100).max(60_000).describe('longest time for one use'),
    })
    .optional()
    .describe('the token of keys that are in no file'),
  recorderSocket: z.string().min(1).describe('where each use of a key is recorded'),
  outwardSocket: z.string().min(1).describe('for worker outward: sign, unwrap, keys'),
  inwardSocket: z.string().min(1).describe('for worker inward: unwrap, keys'),
  operatorSocket: z.string().min(1).describe('for the operator of this host: signCsr; mode 0600'),
  consoleSocket: z
    .string()
    .min(1)
    .optional()
    .describe('for the console: public facts of the keys, signCsr'),
  healthSocket: z.string().min(1).optional().describe('Unix socket that tells how it is'),
  socketMode: z
    .int()
    .min(0)
    .max(0o777)
    .optional()
    .describe('mode of the socket files; left out, it goes by the group of their folder'),
  recorderDeadlineMs: z
    .int()
    .min(100)
    .max(60_000)
    .default(10_000)
    .describe('how long a record may take before the key is not used'),
  signaturesPerMinute: z.int().min(1).default(120_000).describe('the most, for each key'),
  unwrapsPerMinute: z.int().min(1).default(30_000).describe('the most, for each key'),
});
export type KeyholderOptions = z.output<typeof keyholderOptionsSchema>;
