import { tlsRuleSchema } from '@sallyport/transport';
import { z } from 'zod';

const path = z.string().min(1);
const hostPort = z.strictObject({ host: z.string(), port: z.number().int() });
const milliseconds = z.number().int().nonnegative();

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
  /** Tells how the role is. */
  healthSocket: path.optional(),
  policyFolder: path,
  domains: z.array(domainSchema).min(1),
  dns: z.strictObject({ servers: z.array(hostPort).min(1), trusted: z.boolean() }),
  allowPrivateAddresses: z.boolean(),
  lookup: z.strictObject({
    tlsAnchorsFile: path.nullable(),
    ldapServers: z.array(
      z.strictObject({
        url: z.string(),
        baseDn: z.string().exactOptional(),
        bind: z.strictObject({ dn: z.string(), passwordFile: path }).exactOptional(),
        anchorsFile: path.exactOptional(),
        allowPrivateAddress: z.boolean(),
      }),
    ),
    revocationRefreshMs: milliseconds,
  }),
  /** What partners announced: worker inward writes there, the others read. */
  capabilitiesFolder: path,
  /** Certificates out of verified mail: worker inward writes there, the others read. */
  harvestedFolder: path,
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
  /** Of trusted fronts: their Authentication-Results do not go further. */
  frontAuthservIds: z.array(z.string()),
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
  z.strictObject({
    role: z.literal('inward'),
    ...mailRole,
    decryptionFloorMs: milliseconds,
    /** Where TLS reports of others go. */
    tlsReportsFolder: path,
  }),
  z.strictObject({
    role: z.literal('advise'),
    ...common,
    /** Where mail servers of partners listen, for probes. */
    smtpPort: z.number().int().min(1).max(65_535),
    /** Where TLS reports of others are kept; none are told if it is left out. */
    tlsReportsFolder: path.optional(),
  }),
]);

export type WorkerOptions = z.infer<typeof workerOptionsSchema>;
export type OutwardOptions = Extract<WorkerOptions, { role: 'outward' }>;
export type InwardOptions = Extract<WorkerOptions, { role: 'inward' }>;
export type AdviseOptions = Extract<WorkerOptions, { role: 'advise' }>;
export type MailRoleOptions = OutwardOptions | InwardOptions;
export type OwnDomain = WorkerOptions['domains'][number];
