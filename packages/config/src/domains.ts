import { z } from 'zod';
import { domainField, pathField } from './fields.ts';

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

/** A mail domain of ours. */
export const domainSchema = z.strictObject({
  name: domainField.describe('a mail domain of ours'),
  recipients: recipientsSchema.default({ kind: 'call-forward' }),
  publish: publishSchema.prefault({}).describe('what the world is told of this domain'),
});
