import { z } from 'zod';
import {
  domainField,
  durationBetween,
  hostPortField,
  networkField,
  pathField,
  restField,
  timeoutField,
} from './fields.ts';

/** Design section 4: the judgement inside DATA lasts at most five minutes. */
const verdictTimeoutField = durationBetween(1_000, 300_000);

const tlsFilesSchema = z.strictObject({
  certificateFile: pathField.describe('PEM chain that the server shows'),
  keyFile: pathField.describe('PEM private key; readable by its owner alone'),
});

const recipientsSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('list').describe('a file with one address a line'),
      file: pathField.describe('the file; read again when it changes'),
    }),
    z.strictObject({
      kind: z.literal('ldap').describe('ask a directory'),
      url: z
        .string()
        .regex(/^ldaps?:\/\//)
        .describe('ldap:// or ldaps:// with host and port'),
      baseDn: z.string().min(1).describe('where to search'),
    }),
    z.strictObject({
      kind: z.literal('call-forward').describe('ask the inner MTA, and remember the answer'),
    }),
    z.strictObject({
      kind: z.literal('any').describe('take every local-part; the inner MTA must refuse'),
    }),
  ])
  .describe('how a RCPT is checked');

const domainSchema = z.strictObject({
  name: domainField.describe('a mail domain of ours'),
  recipients: recipientsSchema.default({ kind: 'call-forward' }),
});

const routeTlsSchema = z.strictObject({
  level: z.enum(['none', 'may', 'encrypt', 'secure']).default('may').describe('Postfix meanings'),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('oldest TLS allowed'),
  match: z.array(z.string().min(1).max(255)).max(50).default([]).describe('names to accept'),
  anchorsFile: pathField.optional().describe('PEM file of TLS anchors; the system list if absent'),
});

const routeSchema = z.strictObject({
  domain: z
    .union([z.literal('*'), domainField])
    .describe('the recipient domain; * is the smart host for all others'),
  nextHops: z.array(hostPortField).min(1).max(10).describe('host:port, tried in order'),
  tls: routeTlsSchema.prefault({}).describe('TLS on that way'),
  trustedHop: z
    .boolean()
    .default(false)
    .describe('true if a partner rule names this hop as trusted for its mandatory TLS level'),
});

const ingressSchema = z.strictObject({
  partner: z
    .strictObject({
      listen: z.array(hostPortField).min(1).max(8).describe('where partners connect, port 25'),
    })
    .optional()
    .describe('mail from outside'),
  relay: z
    .strictObject({
      listen: z.array(hostPortField).min(1).max(8).describe('where the inner MTA connects'),
      allow: z.array(networkField).min(1).max(100).describe('inner hosts that may relay'),
      lineEnds: z
        .enum(['refuse', 'normalise'])
        .default('refuse')
        .describe('what to do with a bare CR or LF in message data'),
      maxLineBytes: z.number().int().min(998).max(65_536).default(998).describe('longest line'),
    })
    .optional()
    .describe('mail from inner hosts, known by address'),
  submission: z
    .strictObject({
      listen: z.array(hostPortField).max(8).default([]).describe('STARTTLS, port 587'),
      listenTls: z.array(hostPortField).max(8).default([]).describe('implicit TLS, port 465'),
      passwordFile: pathField.describe('written by sallyport user add'),
    })
    .optional()
    .describe('mail from people who log in'),
  tls: tlsFilesSchema.describe('what ingress shows in TLS'),
  clientAnchorsFile: pathField
    .optional()
    .describe('PEM anchors of client certificates; without it no client is asked for one'),
  maxSizeBytes: z
    .number()
    .int()
    .min(65_536)
    .max(1_073_741_824)
    .default(52_428_800)
    .describe('longest message taken, announced by SIZE'),
  maxRecipients: z.number().int().min(1).max(10_000).default(1_000).describe('a transaction'),
  maxConnections: z.number().int().min(1).max(10_000).default(500).describe('at once, a listener'),
  commandTimeout: timeoutField.prefault('5m').describe('longest time for one command'),
  sessionTimeout: timeoutField.prefault('60m').describe('longest time for one session'),
  verdictTimeout: verdictTimeoutField
    .prefault('60s')
    .describe('longest time for the judgement in DATA'),
  greetingDelay: z
    .number()
    .int()
    .min(0)
    .max(60_000)
    .default(0)
    .describe('milliseconds before the greeting; unmasks clients that talk first'),
});

const egressSchema = z.strictObject({
  port: z.number().int().min(1).max(65_535).default(25).describe('SMTP port of hosts found by MX'),
  sourceAddress: z.string().max(64).optional().describe('local address to connect from'),
  concurrency: z.number().int().min(1).max(1_000).default(40).describe('deliveries at once'),
  perDestination: z.number().int().min(1).max(200).default(20).describe('… to one destination'),
  connectTimeout: timeoutField.prefault('30s').describe('time for TCP and TLS'),
  tls: tlsFilesSchema.optional().describe('client certificate shown to partners that ask'),
});

const retrySchema = z.strictObject({
  first: restField.prefault('5m').describe('wait after the first failure; doubles'),
  longest: restField.prefault('1h').describe('longest wait between tries'),
  delayWarning: restField.prefault('4h').describe('when the sender is told of a delay'),
  expiry: restField.prefault('5d').describe('when the message comes back'),
});

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
  egress: egressSchema.prefault({}).describe('the SMTP client'),
  dns: z
    .strictObject({
      servers: z.array(hostPortField).max(8).default([]).describe('resolvers; else resolv.conf'),
      trusted: z.boolean().default(false).describe('true if its AD bit may be believed'),
    })
    .prefault({})
    .describe('name resolution'),
  lookup: z
    .strictObject({
      allowPrivateAddresses: z
        .boolean()
        .default(false)
        .describe('lets certificate lookups connect to private and loopback addresses'),
    })
    .prefault({})
    .describe('finding certificates'),
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
  directory: z
    .strictObject({
      listen: z.array(hostPortField).max(8).default([]).describe('LDAP, port 389'),
      listenTls: z.array(hostPortField).max(8).default([]).describe('LDAPS, port 636'),
      tls: tlsFilesSchema.optional().describe('for StartTLS and LDAPS'),
    })
    .optional()
    .describe('publishes our certificates'),
  retry: retrySchema.prefault({}).describe('when to try again, equal for every queue'),
  hold: z
    .strictObject({
      expiry: restField.prefault('14d').describe('when a held message comes back'),
    })
    .prefault({})
    .describe('policy quarantine'),
});

export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
