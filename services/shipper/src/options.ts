import { z } from 'zod';

const DAY_MS = 86_400_000;
const path = z.string().min(1).max(4_096);

/** One place that gets copies of heads. Paths are absolute. */
const targetOptionsSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('file'),
    path: path.describe('a file to append to, or a folder to put files into; must be there'),
  }),
  z.strictObject({
    kind: z.literal('syslog'),
    host: z.string().min(1).describe('name or address, which its certificate must have'),
    port: z.int().min(1).max(65_535).describe('TCP port that talks TLS from the first byte'),
    anchorsFile: path.nullable().describe('PEM anchors; null for the system list'),
  }),
  z.strictObject({
    kind: z.literal('https'),
    url: z.string().startsWith('https://').describe('takes JSON by POST'),
    tokenFile: path.nullable().describe('bearer token, mode 0600; null for none'),
    anchorsFile: path.nullable().describe('PEM anchors; null for the system list'),
  }),
]);
export type TargetOptions = z.output<typeof targetOptionsSchema>;

/** What the supervisor writes for the shipper. */
export const shipperOptionsSchema = z.strictObject({
  gatewayName: z.string().min(1).max(255).describe('whose heads these are'),
  auditFolder: path.describe('read only'),
  stateFolder: path.describe('what each target got last; deleting it ships the head once more'),
  everyMs: z.int().min(1_000).max(DAY_MS).describe('how often it is looked for a new head'),
  healthSocket: path.optional().describe('Unix socket that tells how it is'),
  targets: z.array(targetOptionsSchema).max(8).describe('where copies go'),
});
