import { z } from 'zod';

const MAX_COMMIT_DELAY_MS = 200;

/** What the supervisor writes for the recorder. Paths are absolute. */
export const recorderOptionsSchema = z.strictObject({
  folder: z.string().min(1).describe('the audit folder; segments and the public log key lie in it'),
  privateKeyFile: z.string().min(1).describe('Ed25519 log signing key, PKCS#8 PEM, mode 0600'),
  socket: z.string().min(1).describe('Unix socket that all services record on'),
  socketMode: z.int().min(0).max(0o777).default(0o600).describe('mode of the socket file'),
  commitDelayMs: z
    .int()
    .min(1)
    .max(MAX_COMMIT_DELAY_MS)
    .default(MAX_COMMIT_DELAY_MS)
    .describe('the longest that an event which nobody waits for stays off the disk'),
});
export type RecorderOptions = z.output<typeof recorderOptionsSchema>;
