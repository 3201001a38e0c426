import { z } from 'zod';
import { hostPortField } from './fields.ts';
import { tlsFilesSchema } from './tls-files.ts';

/** What publishes our certificates. */
export const directorySchema = z
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
  .describe('publishes our certificates');
