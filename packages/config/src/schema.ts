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

const publishSchema = z.strictObject({
  substitute: z
    .boolean()
    .default(false)
    .describe(
      "true lets the directory answer with the domain's confidentiality certificate for every address that has no certificate of its own",
    ),
  mtaSts: z
    .enum(['none', 'testing', 'enforce'])
    .default('testing')
    .describe('mode of the MTA-STS policy that sallyport dns prints'),
  tlsReports: z
    .string()
    .regex(/^(mailto:|https:\/\/)[^\s",;!]+$/)
    .max(200)
    .optional()
    .describe(
      'where TLS reports go (TLSRPT), mailto: or https:; else to tls-reports of the domain, which the gateway takes itself',
    ),
});

const domainSchema = z.strictObject({
  name: domainField.describe('a mail domain of ours'),
  recipients: recipientsSchema.default({ kind: 'call-forward' }),
  publish: publishSchema.prefault({}).describe('what the world is told of this domain'),
});

const routeTlsSchema = z.strictObject({
  level: z
    .enum(['none', 'may', 'encrypt', 'fingerprint', 'verify', 'secure', 'dane', 'dane-only'])
    .default('may')
    .describe('Postfix meanings; verify takes the name of the next hop as it stands here'),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('oldest TLS allowed'),
  match: z.array(z.string().min(1).max(255)).max(50).default([]).describe('names to accept'),
  ciphers: z
    .enum(['floor', 'forward-secret'])
    .default('floor')
    .describe('floor: 128 bits and more; forward-secret: nothing without forward secrecy'),
  pins: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .max(16)
    .default([])
    .describe('with fingerprint, verify and secure: SHA-256 of public keys, hexadecimal'),
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
    .describe(
      'PEM anchors of client certificates; without it only those count that a partner record names (inbound.tls.clientAnchors)',
    ),
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

const frontNetworkField = z
  .union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
    error: 'an address or a block, for example 192.0.2.0/24',
  })
  .refine((text) => !text.endsWith('/0'), { error: 'the whole world is no front' });

const trustedFrontSchema = z.strictObject({
  networks: z
    .array(frontNetworkField)
    .min(1)
    .max(100)
    .describe('its addresses; whoever connects from them is taken for the front'),
  xclient: z
    .boolean()
    .default(false)
    .describe(
      'true if it says by XCLIENT who its client is, which it must do for every client; without that, SPF is not asked',
    ),
});

const rateField = z.strictObject({
  messages: z.number().int().min(1).max(1_000_000).describe('so many'),
  per: durationBetween(1_000, 86_400_000).describe('in so much time, evenly spaced'),
});

const egressSchema = z.strictObject({
  port: z.number().int().min(1).max(65_535).default(25).describe('SMTP port of hosts found by MX'),
  sourceAddress: z.string().max(64).optional().describe('local address to connect from'),
  concurrency: z.number().int().min(1).max(1_000).default(40).describe('deliveries at once'),
  perDestination: z.number().int().min(1).max(200).default(20).describe('… to one destination'),
  rate: rateField.optional().describe('most messages to one destination; no bound if left out'),
  destinations: z
    .array(
      z.strictObject({
        domain: domainField.describe('a recipient domain'),
        concurrency: z.number().int().min(1).max(200).optional().describe('deliveries at once'),
        rate: rateField.optional().describe('most messages to it'),
      }),
    )
    .max(10_000)
    .default([])
    .describe('domains that take less, or more, than others'),
  connectTimeout: timeoutField.prefault('30s').describe('time for TCP and TLS'),
  tls: tlsFilesSchema.optional().describe('client certificate shown to partners that ask'),
});

const ldapServerSchema = z.strictObject({
  url: z
    .string()
    .max(300)
    .regex(/^ldaps?:\/\/[^\s@?#]+$/)
    .describe(
      'ldaps://host[:port], or ldap://host[:port] with StartTLS; nothing is said before TLS',
    ),
  baseDn: z
    .string()
    .min(1)
    .max(1_000)
    .optional()
    .describe('where to search; what the server names if left out'),
  bind: z
    .strictObject({
      dn: z.string().min(1).max(1_000).describe('who asks'),
      passwordFile: pathField.describe('its first line; readable by its owner alone'),
    })
    .optional()
    .describe('how to log in; anonymous if left out'),
  anchorsFile: pathField.optional().describe('PEM anchors for its TLS; else those of all'),
  allowPrivateAddress: z
    .boolean()
    .default(false)
    .describe('its name may lead to a private address'),
});

const retrySchema = z.strictObject({
  first: restField.prefault('5m').describe('wait after the first failure; doubles'),
  longest: restField.prefault('1h').describe('longest wait between tries'),
  delayWarning: restField.prefault('4h').describe('when the sender is told of a delay'),
  expiry: restField.prefault('5d').describe('when the message comes back'),
});

const keysSchema = z.strictObject({
  seal: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z
          .literal('credential')
          .describe('random bytes, as LoadCredential of systemd has them'),
        credentialFile: pathField.describe(
          'at least 32 bytes; keep it out of the backup of the data',
        ),
      }),
      z.strictObject({
        kind: z.literal('passphrase').describe('a passphrase, made into a key by argon2id'),
        passphraseFile: pathField.describe('its first line, at least 12 characters'),
      }),
    ])
    .optional()
    .describe('what key files are sealed under; else keyholder/seal-credential in the data folder'),
  token: z
    .strictObject({
      moduleFile: pathField.describe('PKCS#11 module of the vendor, a shared library'),
      pinFile: pathField.describe(
        'its first line is the PIN of the user; readable by its owner alone',
      ),
      sessions: z.number().int().min(1).max(64).default(4).describe('uses of the token at once'),
      timeout: durationBetween(1_000, 60_000)
        .prefault('10s')
        .describe('longest time for one use; then mail waits'),
      environment: z
        .record(
          z.string().regex(/^(?!LD_|NODE_|PATH$)[A-Z][A-Z0-9_]{0,63}$/),
          z.string().max(4_096),
        )
        .default({})
        .describe('variables that the module reads, for example SOFTHSM2_CONF; never a secret'),
    })
    .optional()
    .describe('keys on a PKCS#11 token (smart card, HSM, SoftHSM)'),
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
  lookup: z
    .strictObject({
      allowPrivateAddresses: z
        .boolean()
        .default(false)
        .describe('lets certificate lookups connect to private and loopback addresses'),
      tlsAnchorsFile: pathField
        .optional()
        .describe('PEM anchors for the TLS of directories and web servers; else the system list'),
      ldapServers: z
        .array(ldapServerSchema)
        .max(16)
        .default([])
        .describe('directories that door ldap asks, in this order'),
      revocationRefresh: durationBetween(1_000, 86_400_000)
        .prefault('60s')
        .describe('a revocation list that was fetched longer ago is fetched anew before it counts'),
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
      http: z
        .strictObject({
          listen: z
            .array(hostPortField)
            .max(8)
            .default([])
            .describe('HTTP, port 80: certificates and CRLs'),
          listenTls: z
            .array(hostPortField)
            .max(8)
            .default([])
            .describe("HTTPS, port 443: the same, and the domain's statement"),
          publicUrl: z
            .string()
            .regex(/^http:\/\/[a-zA-Z0-9.-]+(:\d{1,5})?$/)
            .max(200)
            .optional()
            .describe(
              'http://host[:port] by which the world reaches it; certificates of our CA then name its CRL',
            ),
        })
        .prefault({})
        .describe('RFC 4387 and trial connect'),
      tls: tlsFilesSchema.optional().describe('for StartTLS, LDAPS and HTTPS'),
      searchesPerMinute: z
        .number()
        .int()
        .min(1)
        .max(10_000)
        .default(300)
        .describe('names that one client address or IPv6 /64 may ask for in a minute'),
    })
    .optional()
    .describe('publishes our certificates'),
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
  hold: z
    .strictObject({
      expiry: restField.prefault('14d').describe('when a held message comes back'),
    })
    .prefault({})
    .describe('policy quarantine'),
});

export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
