import { z } from 'zod';

const MAX_PER_CLIENT_PER_MINUTE = 10_000;

const listenSchema = z.strictObject({
  host: z.string().min(1).max(255).describe('address to listen on'),
  port: z.int().min(0).max(65_535).describe('port; 0 takes a free one'),
  tls: z
    .boolean()
    .describe('TLS from the first byte: LDAPS, HTTPS; else in clear, LDAP with StartTLS'),
});

const limitsSchema = z.strictObject({
  connections: z.int().min(1).max(10_000).default(200).describe('open at once, in all'),
  connectionsPerClient: z.int().min(1).max(1_000).default(20).describe('open at once, per address'),
  searchesPerMinute: z
    .int()
    .min(1)
    .max(MAX_PER_CLIENT_PER_MINUTE)
    .default(300)
    .describe('names asked for a minute, per address or IPv6 /64; more are answered "busy"'),
  idleSeconds: z.int().min(1).max(600).default(30).describe('silence after which we close'),
  sessionSeconds: z.int().min(1).max(3_600).default(300).describe('longest connection'),
});

const statementSchema = z.strictObject({
  domain: z.string().min(1).max(255).describe('whose statement it is'),
  file: z.string().min(1).describe('the statement, as it is served; it may be absent'),
});

/** What the directory needs to know; `main.ts` reads it from the JSON file that is its argument. */
export const directoryOptionsSchema = z
  .strictObject({
    listen: z.array(listenSchema).max(16).default([]).describe('where to listen for LDAP'),
    http: z.array(listenSchema).max(16).default([]).describe('where to listen for HTTP'),
    tlsCertificateFile: z.string().min(1).optional().describe('PEM chain for StartTLS and LDAPS'),
    tlsKeyFile: z.string().min(1).optional().describe('PEM private key'),
    entriesFile: z.string().min(1).describe('JSON of published certificates; read again on change'),
    usersFolder: z.string().min(1).optional().describe("users' certificates; read again on change"),
    substitute: z
      .array(z.string().min(1).max(255))
      .max(1_000)
      .default([])
      .describe('domains whose confidentiality certificate stands in for every user without one'),
    statements: z
      .array(statementSchema)
      .max(1_000)
      .default([])
      .describe('signed statements; the first answers who names no domain'),
    crlFile: z.string().min(1).optional().describe('CRL of our CA, DER'),
    healthSocket: z.string().min(1).optional().describe('Unix socket that tells how it is'),
    baseDn: z.array(z.string().min(1).max(512)).min(1).max(8).describe('naming contexts'),
    limits: limitsSchema.prefault({}).describe('bounds'),
  })
  .refine((o) => (o.tlsCertificateFile === undefined) === (o.tlsKeyFile === undefined), {
    message: 'tlsCertificateFile and tlsKeyFile belong together',
  })
  .refine((o) => o.tlsKeyFile !== undefined || [...o.listen, ...o.http].every((one) => !one.tls), {
    message: 'tls: true needs tlsCertificateFile and tlsKeyFile',
  })
  .refine((o) => o.listen.length + o.http.length > 0, { message: 'nowhere to listen' });

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
