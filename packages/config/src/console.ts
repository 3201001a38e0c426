import { z } from 'zod';
import { hostPortField, pathField } from './fields.ts';
import { tlsFilesSchema } from './tls-files.ts';

/** The web console of the people who run the gateway. */
export const consoleSchema = z
  .strictObject({
    listen: z
      .array(hostPortField)
      .min(1)
      .max(8)
      .describe('HTTPS on the inner network, never on the address that partners reach'),
    tls: tlsFilesSchema.describe('of the host name in publicUrl'),
    publicUrl: z
      .url({ protocol: /^https$/ })
      .max(255)
      .describe('https://host[:port] by which people reach it; passkeys belong to this host name'),
    oidc: z
      .strictObject({
        issuer: z.url({ protocol: /^https$/ }).describe('https URL of the OpenID provider'),
        clientId: z.string().min(1).max(255).describe('our client id there'),
        clientSecretFile: pathField.describe('file with our secret there'),
        anchorsFile: pathField
          .optional()
          .describe('PEM anchors for the TLS of the provider; the system list if absent'),
        roleClaim: z
          .string()
          .min(1)
          .max(255)
          .default('groups')
          .describe('claim of the ID token whose values give roles'),
        roles: z
          .record(
            z.string().max(255),
            z.array(z.enum(['mail-admin', 'security-admin', 'approver', 'auditor'])).min(1),
          )
          .describe('roles by value of that claim; a person without any is refused'),
      })
      .optional()
      .describe('sign-in through an OpenID provider, beside accounts of our own'),
  })
  .optional()
  .describe('web console and API; not run if absent');
