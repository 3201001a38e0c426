import { z } from 'zod';

const path = z.string().min(1);

/** What the console is told by the supervisor: addresses, files and sockets; no secrets. */
export const consoleOptionsSchema = z.strictObject({
  gatewayName: z.string(),
  domains: z.array(z.string()).min(1),
  listen: z.array(z.strictObject({ host: z.string(), port: z.int().min(0).max(65_535) })).min(1),
  tls: z.strictObject({ certificateFile: path, keyFile: path }),
  /** Where people reach it: https://host[:port]; names that come with other hosts are refused. */
  publicUrl: z.url({ protocol: /^https$/ }),
  oidc: z
    .strictObject({
      issuer: z.url({ protocol: /^https$/ }),
      clientId: z.string().min(1),
      clientSecretFile: path,
      anchorsFile: path.nullable(),
      roleClaim: z.string().min(1),
      /** Roles by value of that claim. */
      roles: z.record(z.string(), z.array(z.string())),
    })
    .nullable(),
  /** Tells how the console is. */
  healthSocket: path.optional(),
  fourEyes: z.boolean(),
  /** What decides which TLS levels can be held to: routes, and whether DNSSEC is believed. */
  wayOut: z.strictObject({
    routes: z.array(z.strictObject({ domain: z.string(), trustedHop: z.boolean() })),
    dns: z.strictObject({ trusted: z.boolean() }),
  }),
  folders: z.strictObject({
    accounts: path,
    audit: path,
    policy: path,
    /** Derived: the search index. */
    index: path,
    tlsReports: path,
  }),
  sockets: z.strictObject({
    recorder: path,
    advise: path,
    outward: path,
    egress: path,
    keyholder: path,
    keyDesk: path,
  }),
});
export type ConsoleOptions = z.infer<typeof consoleOptionsSchema>;
