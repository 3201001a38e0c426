import { z } from 'zod';

const MAX_COMMIT_DELAY_MS = 200;

/** What the supervisor writes for the recorder. Paths are absolute. */
export const recorderOptionsSchema = z.strictObject({
  folder: z.string().min(1).describe('the audit folder; segments and the public log key lie in it'),
  privateKeyFile: z.string().min(1).describe('Ed25519 log signing key, PKCS#8 PEM, mode 0600'),
  socket: z.string().min(1).describe('Unix socket that all services record on'),
  healthSocket: z.string().min(1).optional().describe('Unix socket that tells how it is'),
  socketMode: z
    .int()
    .min(0)
    .max(0o777)
    .optional()
    .describe('mode of the socket files; left out, it goes by the group of their folder'),
  commitDelayMs: z
    .int()
    .min(1)
    .max(MAX_COMMIT_DELAY_MS)
    .default(MAX_COMMIT_DELAY_MS)
    .describe('the longest that an event which nobody waits for stays off the disk'),
  keepForMs: z
    .int()
    .positive()
    .optional()
    .describe('segments whose events are all older give way to their root; left out, all stay'),
});
export type RecorderOptions = z.output<typeof recorderOptionsSchema>;
