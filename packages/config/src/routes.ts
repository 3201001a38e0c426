import { z } from 'zod';
import { domainField, hostPortField, pathField } from './fields.ts';

const routeTlsSchema = z.strictObject({
  level: z
    .enum(['none', 'may', 'encrypt', 'fingerprint', 'verify', 'secure', 'dane', 'dane-only'])
    .default('may')
    .describe('Postfix meanings; verify takes the name of the next hop as it stands here'),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('oldest TLS allowed'),
  match: z.array(z.string().min(1).max(255)).max(50).default([]).describe('names to accept'),
  ciphers: z
    .enum(['floor', 'forward-secret'])
    .default('floor')
    .describe('floor: 128 bits and more; forward-secret: nothing without forward secrecy'),
  pins: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .max(16)
    .default([])
    .describe('with fingerprint, verify and secure: SHA-256 of public keys, hexadecimal'),
  anchorsFile: pathField.optional().describe('PEM file of TLS anchors; the system list if absent'),
});

/** A domain that does not go by MX. */
export const routeSchema = z.strictObject({
  domain: z
    .union([z.literal('*'), domainField])
    .describe('the recipient domain; * is the smart host for all others'),
  nextHops: z.array(hostPortField).min(1).max(10).describe('host:port, tried in order'),
  tls: routeTlsSchema.prefault({}).describe('TLS on that way'),
  trustedHop: z
    .boolean()
    .default(false)
    .describe('true if a partner rule names this hop as trusted for its mandatory TLS level'),
});
