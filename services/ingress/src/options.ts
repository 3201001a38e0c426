import { z } from 'zod';

const MEBIBYTE = 1024 * 1024;
const MINUTE_MS = 60_000;

const path = z.string().min(1);
const milliseconds = (fallback: number) => z.int().min(1).max(86_400_000).default(fallback);

const deadlines = z
  .strictObject({
    commandMs: milliseconds(5 * MINUTE_MS).describe(
      'From our reply to the next whole command line; single bytes do not extend it (RFC 5321 section 4.5.3.2.7).',
    ),
    dataIdleMs: milliseconds(3 * MINUTE_MS).describe('The longest silence inside DATA.'),
    dataMs: milliseconds(30 * MINUTE_MS).describe('The longest DATA, however slowly it drips.'),
    sessionMs: milliseconds(120 * MINUTE_MS).describe('The longest session.'),
    lingerMs: milliseconds(5_000).describe('How long a client may take to close at the end.'),
  })
  .prefault({})
  .describe('Deadlines of one session.');

const greetingDelayMs = z.int().min(0).max(60_000);

const common = {
  host: z.string().min(1).describe('Address to listen on.'),
  port: z.int().min(0).max(65_535).describe('Port to listen on; 0 takes a free one.'),
  maxMessageBytes: z
    .int()
    .min(64 * 1024)
    .max(1024 * MEBIBYTE)
    .default(50 * MEBIBYTE)
    .describe('Largest message, declared by SIZE and enforced (RFC 1870).'),
  maxRecipients: z
    .int()
    .min(100)
    .max(1_000)
    .default(200)
    .describe('Most recipients of one transaction (RFC 5321 section 4.5.3.1.8: at least 100).'),
  maxErrors: z.int().min(1).max(1_000).default(20).describe('Most 5xx replies in one session.'),
  maxConnections: z.int().min(1).max(100_000).default(500).describe('Most connections at once.'),
  maxConnectionsPerAddress: z
    .int()
    .min(1)
    .max(100_000)
    .default(50)
    .describe('Most connections at once from one address.'),
  deadlines,
};

const tls = z.enum(['none', 'offered', 'required', 'implicit']);

const networks = z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).min(1);

const partner = z.strictObject({
  kind: z.literal('partner').describe('Mail from partners for our own domains, judged in DATA.'),
  ...common,
  tls: tls
    .default('offered')
    .describe('STARTTLS offered or required, TLS from the start, or none.'),
  fronts: z
    .array(
      z.strictObject({
        networks: networks.describe('Addresses and networks (CIDR) of the front.'),
        xclient: z.boolean().describe('True if it may say by XCLIENT who its client is.'),
        authservId: z
          .string()
          .exactOptional()
          .describe('The authserv-id in whose name its Authentication-Results are believed.'),
      }),
    )
    .default([])
    .describe('Edge filters that stand between partners and us; the first that fits counts.'),
  greetingDelayMs: greetingDelayMs
    .default(25)
    .describe('How long a client must be silent before the greeting; 0 does not wait.'),
  maxLineOctets: z.int().min(998).max(65_536).default(998).describe('Longest text line.'),
  offersRequireTls: z.boolean().default(false).describe('Offer REQUIRETLS (RFC 8689) under TLS.'),
});

const submission = z.strictObject({
  kind: z.literal('submission').describe('Mail from logins (RFC 6409), over TLS only.'),
  ...common,
  tls: z
    .enum(['required', 'implicit'])
    .describe('`required` is STARTTLS on 587, `implicit` is TLS from the start on 465 (RFC 8314).'),
  greetingDelayMs: greetingDelayMs.default(0).describe('Wait before the greeting.'),
  maxLineOctets: z.int().min(998).max(65_536).default(998).describe('Longest text line.'),
  offersRequireTls: z.boolean().default(false).describe('Offer REQUIRETLS (RFC 8689) under TLS.'),
});

const relay = z.strictObject({
  kind: z.literal('relay').describe('Mail from inner hosts, known by their addresses.'),
  ...common,
  tls: tls.default('none').describe('STARTTLS offered or required, TLS from the start, or none.'),
  clients: networks.describe('Addresses and networks (CIDR) of the hosts that may relay.'),
  greetingDelayMs: greetingDelayMs.default(0).describe('Wait before the greeting.'),
  maxLineOctets: z.int().min(998).max(65_536).default(998).describe('Longest text line.'),
  lineEnds: z
    .enum(['refuse', 'normalise'])
    .default('refuse')
    .describe('What becomes of bare CR and LF in mail data; only a relay listener may normalise.'),
  offersRequireTls: z.boolean().default(false).describe('Offer REQUIRETLS (RFC 8689) under TLS.'),
});

const listenerSchema = z.discriminatedUnion('kind', [partner, submission, relay]);
export type ListenerSettings = z.infer<typeof listenerSchema>;

const tlsSchema = z
  .strictObject({
    keyFile: path.describe('PEM private key, mode 0600.'),
    certificateFile: path.describe('PEM certificate and its chain.'),
    clientAnchorsFile: path
      .nullable()
      .default(null)
      .describe('PEM anchors of client certificates; null trusts none, and asks partners alone.'),
  })
  .nullable()
  .default(null)
  .describe('TLS of all listeners; null only if every listener has tls none.');

const loginSchema = z
  .strictObject({
    passwordFile: path.describe('Lines `login:$argon2id$…[:domain,mailbox,…]`, mode 0600.'),
    hashesAtOnce: z.int().min(1).max(16).default(2).describe('Password hashes at once.'),
    maxWaiting: z
      .int()
      .min(0)
      .max(100)
      .default(8)
      .describe('Logins that wait for a hash; one more gets 454.'),
    failuresPerAddress: z
      .int()
      .min(1)
      .default(20)
      .describe('Failed logins of one address within the window.'),
    failuresPerLogin: z
      .int()
      .min(1)
      .default(20)
      .describe('Failed logins of one login name within the window.'),
    windowMs: milliseconds(10 * MINUTE_MS).describe('The window in which failures count.'),
  })
  .nullable()
  .default(null)
  .describe('Logins of the submission listeners.');

/** The options file of ingress: its one argument names it. */
export const ingressOptionsSchema = z
  .strictObject({
    name: z.string().min(1).max(255).describe('Our host name in greeting and trace fields.'),
    domains: z.array(z.string().min(1)).min(1).describe('Our own domains.'),
    listeners: z.array(listenerSchema).min(1).max(32).describe('Where we listen.'),
    tls: tlsSchema,
    login: loginSchema,
    spool: z
      .strictObject({
        folder: path.describe('The spool folder.'),
        workerKeyFile: path.describe('PEM public key (X25519) of the spool reader worker.'),
      })
      .describe('Where messages are written.'),
    sockets: z
      .strictObject({
        recorder: path.describe('Unix socket of the recorder.'),
        inward: path.nullable().default(null).describe('Unix socket of worker inward.'),
        outwardHints: path.describe('Unix socket of worker outward for job hints.'),
        egressHints: path.nullable().default(null).describe('Unix socket of egress for job hints.'),
      })
      .describe('Unix sockets of the other processes.'),
    healthSocket: path.optional().describe('Unix socket that tells how it is.'),
    recorderDeadlineMs: milliseconds(10_000).describe('How long the recorder may take.'),
    recipientDeadlineMs: milliseconds(30_000).describe(
      'How long worker inward may take for MAIL and RCPT.',
    ),
    judgeDeadlineMs: z
      .int()
      .min(1)
      .max(5 * MINUTE_MS)
      .default(MINUTE_MS)
      .describe('How long worker inward may take to judge a message; then the reply is 451.'),
    shutdownGraceMs: milliseconds(30_000).describe('How long running transactions may go on.'),
  })
  .superRefine((options, context) => {
    const fault = (at: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path: at, message });
    for (const [index, listener] of options.listeners.entries()) {
      const at = ['listeners', index];
      if (listener.tls !== 'none' && options.tls === null) {
        fault([...at, 'tls'], 'needs the tls section with key and certificate');
      }
      if (listener.kind === 'submission' && options.login === null) {
        fault([...at, 'kind'], 'submission needs the login section');
      }
      if (listener.kind !== 'partner') continue;
      if (options.sockets.inward === null) fault(['sockets', 'inward'], 'partner needs it');
      if (options.sockets.egressHints === null)
        fault(['sockets', 'egressHints'], 'partner needs it');
    }
  });
export type IngressOptions = z.infer<typeof ingressOptionsSchema>;
export type IngressOptionsInput = z.input<typeof ingressOptionsSchema>;
