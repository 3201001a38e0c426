import { z } from 'zod';
import { durationBetween, hostPortField, networkField, pathField, timeoutField } from './fields.ts';
import { tlsFilesSchema } from './tls-files.ts';

/** Design section 4: the judgement inside DATA lasts at most five minutes. */
const verdictTimeoutField = durationBetween(1_000, 300_000);

/** The SMTP server. */
export const ingressSchema = z.strictObject({
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

/** An edge filter before the partner port. */
export const trustedFrontSchema = z.strictObject({
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
  authservId: z
    .string()
    .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?$/, 'host name, as the front writes it')
    .optional()
    .describe(
      'the authserv-id of its Authentication-Results, letter for letter: what they say of SPF, DKIM and DMARC counts where the gateway cannot know; the front must remove fields of that name from what it takes',
    ),
});
