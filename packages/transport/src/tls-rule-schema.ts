import { z } from 'zod';

const minVersion = z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2');
const anchors = z.union([z.literal('system'), z.array(z.string()).min(1)]).default('system');
const profile = {
  minVersion,
  ciphers: z.enum(['floor', 'forward-secret']).exactOptional(),
  serverName: z.string().min(1).exactOptional(),
  clientCertificate: z.enum(['when-asked', 'never']).exactOptional(),
};
const pins = z.array(
  z.strictObject({
    spki: z.string().regex(/^[0-9a-f]{64}$/),
    state: z.enum(['current', 'backup', 'pending']),
    from: z.iso.date().exactOptional(),
  }),
);
const identity = { ...profile, match: z.array(z.string()).default([]), anchors };

/** A `TlsRule` in an options file of a process; anchors are PEM texts. */
export const tlsRuleSchema = z.discriminatedUnion('level', [
  z.strictObject({ level: z.literal('none') }),
  z.strictObject({ level: z.literal('may'), ...profile }),
  z.strictObject({ level: z.literal('encrypt'), ...profile }),
  z.strictObject({ level: z.literal('fingerprint'), ...profile, pins: pins.min(1) }),
  z.strictObject({ level: z.literal('verify'), ...identity, pins: pins.default([]) }),
  z.strictObject({ level: z.literal('secure'), ...identity, pins: pins.default([]) }),
  z.strictObject({ level: z.literal('dane'), ...profile }),
  z.strictObject({ level: z.literal('dane-only'), ...profile }),
]);
