import { z } from 'zod';
import { durationBetween, pathField } from './fields.ts';

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

/** How certificates and proofs are looked for. */
export const lookupSchema = z
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
  .describe('finding certificates');
