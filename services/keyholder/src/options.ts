import { z } from 'zod';

/** What the supervisor writes for the keyholder. Paths are absolute. */
export const keyholderOptionsSchema = z.strictObject({
  keyFolder: z
    .string()
    .min(1)
    .describe('`<keyId>.json` records, their private key files and `rejection-secret`'),
  recorderSocket: z.string().min(1).describe('where each use of a key is recorded'),
  outwardSocket: z.string().min(1).describe('for worker outward: sign, unwrap, keys'),
  inwardSocket: z.string().min(1).describe('for worker inward: unwrap, keys'),
  socketMode: z.int().min(0).max(0o777).default(0o600).describe('mode of the socket files'),
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
