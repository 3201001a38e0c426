import { z } from 'zod';
import { auditSchema } from './audit.ts';
import { consoleSchema } from './console.ts';
import { directorySchema } from './directory.ts';
import { domainSchema } from './domains.ts';
import { egressSchema, retrySchema } from './egress.ts';
import { domainField, hostPortField, pathField, restField, timeoutField } from './fields.ts';
import { ingressSchema, trustedFrontSchema } from './ingress.ts';
import { keysSchema } from './keys.ts';
import { lookupSchema } from './lookup.ts';
import { monitorSchema } from './monitor.ts';
import { routeSchema } from './routes.ts';

/** The gateway's one config file. Every field has a description; a test sees to it. */
export const gatewayConfigSchema = z.strictObject({
  gateway: z
    .strictObject({
      name: domainField.describe("this host's name: EHLO, Received, authserv-id"),
      dataFolder: pathField.default('data').describe('spool, audit, policy and keys live here'),
      runtimeFolder: pathField
        .default('run')
        .describe('Unix sockets; must be short, 80 characters at most'),
    })
    .describe('who we are'),
  test: z.boolean().default(false).describe('allows switches that only tests may use'),
  domains: z.array(domainSchema).min(1).max(1_000).describe('the mail domains that are ours'),
  routes: z.array(routeSchema).max(10_000).default([]).describe('domains that do not go by MX'),
  ingress: ingressSchema.describe('the SMTP server'),
  trustedFronts: z
    .array(trustedFrontSchema)
    .max(50)
    .default([])
    .describe(
      'edge filters between partners and the partner port: what a record demands of TLS cannot be observed behind them, and such mail is flagged',
    ),
  egress: egressSchema.prefault({}).describe('the SMTP client'),
  dns: z
    .strictObject({
      servers: z.array(hostPortField).max(8).default([]).describe('resolvers; else resolv.conf'),
      trusted: z.boolean().default(false).describe('true if its AD bit may be believed'),
    })
    .prefault({})
    .describe('name resolution'),
  lookup: lookupSchema,
  scanner: z
    .strictObject({
      clamd: z
        .union([
          z.strictObject({ socket: pathField.describe('Unix socket of clamd') }),
          z.strictObject({ address: hostPortField.describe('host:port of clamd') }),
        ])
        .describe('ClamAV by INSTREAM'),
      timeout: timeoutField.prefault('30s').describe('longest time for one scan'),
    })
    .optional()
    .describe('virus scanner'),
  queue: z
    .discriminatedUnion('driver', [
      z.strictObject({
        driver: z.literal('embedded').describe('the owning process keeps the schedule'),
      }),
      z.strictObject({
        driver: z.literal('redis').describe('BullMQ on Redis, for many hosts'),
        urlFile: pathField.describe('file with the redis:// URL; may hold a password'),
      }),
    ])
    .default({ driver: 'embedded' })
    .describe('who schedules jobs'),
  directory: directorySchema,
  keys: keysSchema.prefault({}).describe('where private keys are, and what they are sealed under'),
  retry: retrySchema.prefault({}).describe('when to try again, equal for every queue'),
  policy: z
    .strictObject({
      fourEyes: z
        .boolean()
        .default(false)
        .describe(
          'true: no policy version comes into force that no second person approved; partner import is then refused',
        ),
    })
    .prefault({})
    .describe('how the partner policy is changed'),
  audit: auditSchema.prefault({}).describe('the audit log beside its writing'),
  console: consoleSchema,
  monitor: monitorSchema,
  hold: z
    .strictObject({
      expiry: restField.prefault('14d').describe('when a held message comes back'),
    })
    .prefault({})
    .describe('policy quarantine'),
});

export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
