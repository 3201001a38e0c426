import { z } from 'zod';

const MAX_PER_CLIENT_PER_MINUTE = 10_000;

const listenSchema = z.strictObject({
  host: z.string().min(1).max(255).describe('address to listen on'),
  port: z.int().min(0).max(65_535).describe('port; 0 takes a free one'),
  tls: z.boolean().describe('LDAPS from the first byte; else LDAP with StartTLS if a key is given'),
});

const limitsSchema = z.strictObject({
  connections: z.int().min(1).max(10_000).default(200).describe('open at once, in all'),
  connectionsPerClient: z.int().min(1).max(1_000).default(20).describe('open at once, per address'),
  searchesPerMinute: z
    .int()
    .min(1)
    .max(MAX_PER_CLIENT_PER_MINUTE)
    .default(120)
    .describe('searches a minute, per address; more are answered "busy"'),
  idleSeconds: z.int().min(1).max(600).default(30).describe('silence after which we close'),
  sessionSeconds: z.int().min(1).max(3_600).default(300).describe('longest connection'),
});

/** What the directory needs to know; `main.ts` reads it from the JSON file that is its argument. */
export const directoryOptionsSchema = z
  .strictObject({
    listen: z.array(listenSchema).min(1).max(16).describe('where to listen'),
    tlsCertificateFile: z.string().min(1).optional().describe('PEM chain for StartTLS and LDAPS'),
    tlsKeyFile: z.string().min(1).optional().describe('PEM private key'),
    entriesFile: z.string().min(1).describe('JSON of published certificates; read again on change'),
    baseDn: z.array(z.string().min(1).max(512)).min(1).max(8).describe('naming contexts'),
    limits: limitsSchema.prefault({}).describe('bounds'),
  })
  .refine((o) => (o.tlsCertificateFile === undefined) === (o.tlsKeyFile === undefined), {
    message: 'tlsCertificateFile and tlsKeyFile belong together',
  })
  .refine((o) => o.tlsKeyFile !== undefined || o.listen.every((listen) => !listen.tls), {
    message: 'tls: true needs tlsCertificateFile and tlsKeyFile',
  });

export type DirectoryOptions = z.infer<typeof directoryOptionsSchema>;
export type DirectoryLimits = DirectoryOptions['limits'];

const MAX_CERTIFICATES_PER_ENTRY = 16;
const MAX_ENTRIES = 100_000;

const certificates = z.array(z.base64().max(90_000)).max(MAX_CERTIFICATES_PER_ENTRY).default([]);

/** One published name. `mail` may be a whole domain, for a domain-bound certificate. */
const entrySchema = z.strictObject({
  cn: z.string().min(1).max(256).describe('common name'),
  mail: z.array(z.string().min(1).max(320)).min(1).max(64).describe('addresses it answers to'),
  userCertificate: certificates.describe('certificates, DER in base64'),
  userSMIMECertificate: certificates.describe('PKCS#7 certs-only, DER in base64'),
});

/** The file of published certificates. */
export const entriesFileSchema = z.strictObject({
  entries: z.array(entrySchema).max(MAX_ENTRIES).describe('what is published'),
});
