import { z } from 'zod';
import { dayField } from './day-field.ts';
import { pemSchema } from './pem-field.ts';

const MAX_LIST = 200;
const MAX_PINS = 16;
const SPKI_BYTES = 32;

/** As text of 64 hexadecimal digits, whichever way it was written. */
const spkiSchema = z
  .string()
  .transform((text, context): string => {
    if (/^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
    const bytes = Buffer.from(text, 'base64');
    const isWhole = /^[A-Za-z0-9+/]{43}=$/.test(text) && bytes.length === SPKI_BYTES;
    if (isWhole) return bytes.toString('hex');
    context.addIssue({ code: 'custom', message: 'no SHA-256: 64 hexadecimal digits, or base64' });
    return z.NEVER;
  })
  .describe('SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal or base64');

const pinSchema = z
  .strictObject({
    spki: spkiSchema,
    state: z
      .enum(['current', 'backup', 'pending'])
      .default('current')
      .describe(
        'current is in use; backup lies ready; pending is the next one and counts from a day on',
      ),
    from: dayField.exactOptional().describe('first day of a pending key, UTC'),
    note: z.string().max(200).exactOptional().describe('where it is from, who told us'),
  })
  .superRefine((pin, context) => {
    if ((pin.state === 'pending') === (pin.from !== undefined)) return;
    const message = 'a pending pin needs it, and no other has it';
    context.addIssue({ code: 'custom', path: ['from'], message });
  });

/** Levels of `tls.level`, the weakest first. */
export const TLS_LEVELS = [
  'none',
  'may',
  'encrypt',
  'fingerprint',
  'verify',
  'secure',
  'dane',
  'dane-only',
] as const;

/** The way to the servers of a recipient domain; Postfix's words with Postfix's meanings. */
export const tlsSchema = z
  .strictObject({
    level: z
      .enum(TLS_LEVELS, { error: `the levels are ${TLS_LEVELS.join(', ')}` })
      .default('secure')
      .describe(
        'may: TLS if it can be had; encrypt: TLS; fingerprint: a pinned key; verify: anchors and the name of a host that DNSSEC proves; secure: anchors and the name of the domain, or match; dane: as TLSA says, else may; dane-only: as TLSA says, else nothing leaves',
      ),
    match: z
      .array(z.string().min(1).max(255))
      .max(MAX_LIST)
      .default([])
      .describe(
        'with verify and secure: names the server certificate may carry; .x means everything below x',
      ),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('oldest TLS allowed'),
    ciphers: z
      .enum(['floor', 'forward-secret'])
      .default('floor')
      .describe(
        'floor: 128 bits and more, forward secrecy preferred; forward-secret: nothing without it',
      ),
    pins: z
      .array(pinSchema)
      .max(MAX_PINS)
      .default([])
      .describe(
        'public keys the server may show; all that counts with fingerprint, beside path and name with verify and secure',
      ),
    anchors: z
      .union([z.literal('system'), z.array(pemSchema).min(1).max(MAX_LIST)])
      .default('system')
      .describe('who may vouch for the server certificate'),
    serverName: z
      .string()
      .regex(/^[A-Za-z0-9.-]{1,255}$/, 'a host name')
      .optional()
      .describe('asked for in TLS (SNI) in place of the name of the host'),
    clientCertificate: z
      .enum(['when-asked', 'never'])
      .default('when-asked')
      .describe('whether our certificate of egress.tls is shown to a server that asks for one'),
    dane: z
      .enum(['auto', 'off'])
      .default('auto')
      .describe('with may and encrypt: TLSA records under DNSSEC add what they demand (RFC 7672)'),
    requireTls: z
      .boolean()
      .default(false)
      .describe('every message goes with REQUIRETLS, or comes back (RFC 8689)'),
    tlsRequiredNo: z
      .enum(['honour', 'ignore'])
      .default('honour')
      .describe(
        'a message with TLS-Required: No goes without what the domain publishes (dane, mtaSts); the level itself always holds',
      ),
    mtaSts: z
      .enum(['auto', 'off'])
      .default('auto')
      .describe("with may, encrypt and dane: the domain's MTA-STS policy adds what it demands"),
  })
  .superRefine(({ level, pins }, context) => {
    const fault = (message: string): void => {
      context.addIssue({ code: 'custom', path: ['pins'], message });
    };
    if (level === 'fingerprint' && pins.length === 0) fault('level fingerprint needs one at least');
    const looksAtPins = level === 'fingerprint' || level === 'verify' || level === 'secure';
    if (pins.length > 0 && !looksAtPins) fault(`level ${level} does not look at pins`);
    if (pins.length > 0 && pins.every(({ state }) => state === 'pending')) {
      fault('one that counts today is needed beside those that are pending');
    }
  });
