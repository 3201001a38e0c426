/** Who may import whom: the table that package.json files and imports are compared with. */

/** Packages by floor (design, section 3). A package imports only from lower floors. */
export const FLOORS: readonly (readonly string[])[] = [
  ['mail', 'faults', 'der', 'log', 'disk', 'password'],
  ['mime', 'cms', 'pki', 'dsn', 'audit-log', 'config', 'ipc', 'spool', 'queue', 'accounts'],
  ['domsec', 'policy', 'lookup', 'published', 'audit-index'],
  ['transport', 'policy-store', 'rehearsal'],
  ['survey'],
];

/** Packages that touch no socket, file or clock: time, DNS and files are arguments. */
export const PURE = [
  'mail',
  'faults',
  'der',
  'password',
  'mime',
  'cms',
  'pki',
  'dsn',
  'domsec',
  'policy',
  'audit-log',
];

/** Built-in modules that a pure package may use. */
export const PURE_BUILTINS = [
  'node:buffer',
  'node:crypto',
  'node:zlib',
  'node:url',
  'node:util',
  'node:net#isIP',
];

/** What some services may import at most, and what others must not. */
export const ONLY: Readonly<Record<string, readonly string[]>> = {
  keyholder: ['mail', 'faults', 'der', 'log', 'audit-log', 'config', 'ipc'],
};
export const NEVER: Readonly<Record<string, readonly string[]>> = {
  ingress: ['mime', 'cms', 'pki', 'policy', 'lookup', 'accounts'],
  console: ['spool', 'cms', 'lookup'],
};

/** One door for each third party: who may import it. zod is free for all. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  'smtp-server': ['ingress', 'sandbox'],
  nodemailer: ['egress'],
  mailauth: ['worker'],
  mailparser: ['worker'],
  pkijs: ['cms', 'pki'],
  asn1js: ['cms', 'pki'],
  ldapts: ['lookup'],
  bullmq: ['queue'],
  ioredis: ['queue'],
  tldts: ['domsec'],
  'dns-packet': ['lookup', 'sandbox'],
  yaml: ['config', 'policy-store', 'cli'],
  commander: ['cli'],
  pkcs11js: ['keyholder'],
  fastify: ['console'],
  '@fastify': ['console'],
  '@simplewebauthn': ['console'],
  'openid-client': ['console'],
};

/** Built-in modules that open a way to the network. */
export const NETWORK_BUILTINS = [
  'node:net',
  'node:tls',
  'node:dns',
  'node:http',
  'node:https',
  'node:dgram',
  'node:http2',
];
