import { z } from 'zod';

const path = z.string().min(1);
const hostPort = z.strictObject({ host: z.string(), port: z.number().int() });
const milliseconds = z.number().int().nonnegative();

const tlsRuleSchema = z.discriminatedUnion('level', [
  z.strictObject({ level: z.literal('none') }),
  z.strictObject({ level: z.literal('may') }),
  z.strictObject({ level: z.literal('encrypt'), minVersion: z.enum(['TLSv1.2', 'TLSv1.3']) }),
  z.strictObject({
    level: z.literal('secure'),
    match: z.array(z.string()),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']),
    anchors: z.union([z.literal('system'), z.array(z.string())]),
  }),
]);

const domainSchema = z.strictObject({
  name: z.string(),
  recipients: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('list'), file: path }),
    z.strictObject({ kind: z.literal('ldap'), url: z.string(), baseDn: z.string() }),
    z.strictObject({
      kind: z.literal('call-forward'),
      nextHops: z.array(hostPort).min(1),
      tlsRule: tlsRuleSchema,
    }),
    z.strictObject({ kind: z.literal('any') }),
  ]),
});

const common = {
  gatewayName: z.string(),
  listen: path,
  policyFolder: path,
  domains: z.array(domainSchema).min(1),
  dns: z.strictObject({ servers: z.array(hostPort).min(1), trusted: z.boolean() }),
  allowPrivateAddresses: z.boolean(),
  /** What partners announced: worker inward writes there, the others read. */
  capabilitiesFolder: path,
};

const mailRole = {
  ...common,
  recorderSocket: path,
  keyholderSocket: path,
  spool: z.strictObject({
    folder: path,
    workerPublicKeyFile: path,
    egressPublicKeyFile: path,
    workerPrivateKeyFile: path,
  }),
  indexFolder: path,
  scanner: z
    .strictObject({
      clamd: z.union([z.strictObject({ socket: path }), z.strictObject({ address: hostPort })]),
      timeoutMs: milliseconds,
    })
    .nullable(),
};

/** What the supervisor hands to one worker; the role decides which it is. */
export const workerOptionsSchema = z.discriminatedUnion('role', [
  z.strictObject({
    role: z.literal('outward'),
    ...mailRole,
    egressSocket: path,
    concurrency: z.number().int().min(1).max(256),
    queue: z.discriminatedUnion('driver', [
      z.strictObject({ driver: z.literal('embedded') }),
      z.strictObject({ driver: z.literal('redis'), urlFile: path }),
    ]),
    retry: z.strictObject({
      firstMs: milliseconds,
      longestMs: milliseconds,
      delayWarningMs: milliseconds,
      expiryMs: milliseconds,
    }),
    holdExpiryMs: milliseconds,
  }),
  z.strictObject({ role: z.literal('inward'), ...mailRole, decryptionFloorMs: milliseconds }),
  z.strictObject({ role: z.literal('advise'), ...common }),
]);

export type WorkerOptions = z.infer<typeof workerOptionsSchema>;
export type OutwardOptions = Extract<WorkerOptions, { role: 'outward' }>;
export type InwardOptions = Extract<WorkerOptions, { role: 'inward' }>;
export type AdviseOptions = Extract<WorkerOptions, { role: 'advise' }>;
export type MailRoleOptions = OutwardOptions | InwardOptions;
export type OwnDomain = WorkerOptions['domains'][number];
