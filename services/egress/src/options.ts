import { tlsRuleSchema } from '@sallyport/transport';
import { z } from 'zod';

const path = z.string().min(1);
const port = z.int().min(1).max(65_535);
const hostPort = z.strictObject({ host: z.string().min(1), port });
const milliseconds = z
  .int()
  .min(1)
  .max(30 * 86_400_000);
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

const timeoutsSchema = z
  .strictObject({
    connectMs: milliseconds.default(30 * SECOND_MS).describe('TCP'),
    tlsMs: milliseconds.default(30 * SECOND_MS).describe('TLS handshake'),
    greetingMs: milliseconds.default(5 * MINUTE_MS).describe('RFC 5321 section 4.5.3.2.1'),
    commandMs: milliseconds.default(5 * MINUTE_MS).describe('RFC 5321 section 4.5.3.2.2 and .3'),
    dataMs: milliseconds.default(2 * MINUTE_MS).describe('RFC 5321 section 4.5.3.2.4'),
    blockMs: milliseconds.default(3 * MINUTE_MS).describe('RFC 5321 section 4.5.3.2.5'),
    finalMs: milliseconds.default(10 * MINUTE_MS).describe('RFC 5321 section 4.5.3.2.6'),
    quitMs: milliseconds.default(2 * SECOND_MS).describe('the reply to QUIT'),
  })
  .prefault({})
  .describe('how long a next hop may take');

/** The options file of egress: its one argument names it. */
const rateSchema = z
  .strictObject({
    count: z.int().min(1).describe('messages'),
    perMs: z
      .int()
      .min(1)
      .max(24 * 60 * MINUTE_MS)
      .describe('in this time, evenly spaced'),
  })
  .nullable()
  .default(null)
  .describe('most messages to a destination; null knows no bound');

export const egressOptionsSchema = z.strictObject({
  gatewayName: z.string().min(1).max(255).describe('EHLO name and reporting MTA'),
  ownDomains: z
    .array(z.string().min(1))
    .min(1)
    .describe('our domains; no partner rule is for them'),
  listen: path.describe('our Unix socket: hints, queue verbs, size probes'),
  recorderSocket: path.describe('the recorder'),
  workerSocket: path.nullable().describe('worker outward, told of reports; null tells nobody'),
  policyFolder: path.describe('policy versions, read only'),
  spool: z
    .strictObject({
      folder: path.describe('the spool'),
      privateKeyFile: path.describe('PEM X25519 key of the reader egress, mode 0600'),
      workerPublicKeyFile: path.describe('PEM X25519 key of the reader worker'),
    })
    .describe('queue files'),
  pausedFile: path.nullable().default(null).describe('keeps paused destinations over a restart'),
  dns: z
    .strictObject({
      servers: z.array(hostPort).min(1).max(8).describe('resolvers, asked in order'),
      trusted: z.boolean().default(false).describe('true if their AD bit may be believed'),
      timeoutMs: milliseconds.default(5 * SECOND_MS).describe('one try with one server'),
    })
    .describe('name resolution'),
  mtaSts: z
    .strictObject({
      folder: path.describe('policies that were fetched'),
      allowPrivateAddresses: z.boolean().default(false).describe('policy hosts may be private'),
      tlsAnchorsFile: path.nullable().default(null).describe('PEM anchors; else the system list'),
    })
    .describe('policies that domains publish (RFC 8461)'),
  tlsReports: z
    .strictObject({
      folder: path.describe('what is counted, a file a day'),
      submitter: z.string().min(1).max(255).describe('our domain that reports'),
    })
    .nullable()
    .default(null)
    .describe('TLS reports to domains that want them (RFC 8460); null counts and sends none'),
  routes: z
    .array(
      z.strictObject({
        domain: z.string().min(1).describe('a recipient domain, or * for the smart host'),
        nextHops: z.array(hostPort).min(1).max(10).describe('tried in order'),
        tlsRule: tlsRuleSchema.describe('TLS on that way; anchors are PEM texts'),
        trustedHop: z.boolean().default(false).describe('its TLS rule stands for the partner rule'),
      }),
    )
    .default([])
    .describe('domains that do not go by MX'),
  mxPort: port.default(25).describe('port of hosts found by MX'),
  localAddress: z.string().nullable().default(null).describe('address to connect from'),
  clientCertificate: z
    .strictObject({ certificateFile: path, keyFile: path })
    .nullable()
    .default(null)
    .describe('shown to servers that ask for a client certificate'),
  concurrency: z.int().min(1).max(1_000).default(40).describe('deliveries at once'),
  perDestination: z.int().min(1).max(200).default(20).describe('deliveries at once to a domain'),
  rate: rateSchema,
  destinations: z
    .array(
      z.strictObject({
        domain: z.string().min(1).describe('a recipient domain'),
        concurrency: z.int().min(1).max(200).describe('deliveries at once'),
        rate: rateSchema,
      }),
    )
    .max(10_000)
    .default([])
    .describe('domains with limits of their own'),
  connections: z
    .strictObject({
      idleMs: milliseconds.default(10 * SECOND_MS).describe('how long one waits for a message'),
      maxUses: z.int().min(1).max(10_000).default(100).describe('transactions of one connection'),
      maxIdle: z.int().min(0).max(1_000).default(64).describe('that wait at once'),
    })
    .prefault({})
    .describe('connections that are kept'),
  timeouts: timeoutsSchema,
  retry: z
    .strictObject({
      firstMs: milliseconds.default(5 * MINUTE_MS).describe('rest after the first failure'),
      longestMs: milliseconds.default(60 * MINUTE_MS).describe('longest rest'),
      delayWarningMs: milliseconds
        .nullable()
        .default(4 * 60 * MINUTE_MS)
        .describe('age at which the author is told of a delay; null never tells'),
      expiryMs: milliseconds
        .default(5 * 24 * 60 * MINUTE_MS)
        .describe('age at which it comes back'),
    })
    .prefault({})
    .describe('when to try again'),
  queue: z
    .discriminatedUnion('driver', [
      z.strictObject({ driver: z.literal('embedded') }),
      z.strictObject({ driver: z.literal('redis'), urlFile: path }),
    ])
    .default({ driver: 'embedded' })
    .describe('who schedules'),
  healthSocket: path.optional().describe('Unix socket that tells how it is'),
  scanMs: milliseconds.default(MINUTE_MS).describe('how often the spool is scanned'),
});

export type EgressOptions = z.infer<typeof egressOptionsSchema>;
