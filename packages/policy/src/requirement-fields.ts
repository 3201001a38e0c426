import { z } from 'zod';

const MAX_LIST = 50;

const SIGNATURE_ALGORITHMS = [
  'rsa-sha256',
  'rsa-sha384',
  'rsa-sha512',
  'rsa-pss',
  'ecdsa-sha256',
  'ecdsa-sha384',
  'ecdsa-sha512',
  'ed25519',
  'ed448',
  'ml-dsa-65',
  'ml-dsa-87',
] as const;
/** How a certificate may be signed, in the words of policy. */
export type CertificateSignature = (typeof SIGNATURE_ALGORITHMS)[number];

const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
] as const;

const oidSchema = z
  .string()
  .max(128)
  .regex(/^[012](\.(0|[1-9]\d*))+$/, 'an object identifier, for example 1.3.6.1.4.1.99999.1');

const keysSchema = z.strictObject({
  rsaBits: z
    .union([z.literal('none'), z.number().int().min(2048).max(8192)])
    .default(2048)
    .describe('fewest bits of an RSA key; none refuses RSA'),
  curves: z
    .array(
      z.enum([
        'P-256',
        'P-384',
        'P-521',
        'brainpoolP256r1',
        'brainpoolP384r1',
        'brainpoolP512r1',
        'Ed25519',
        'Ed448',
        'X25519',
      ]),
    )
    .max(MAX_LIST)
    .optional()
    .describe('curves that are taken; every known one if left out, none if empty'),
  postQuantum: z
    .array(z.enum(['ML-DSA-65', 'ML-DSA-87', 'ML-KEM-512', 'ML-KEM-768', 'ML-KEM-1024']))
    .max(MAX_LIST)
    .optional()
    .describe('post-quantum kinds that are taken; every known one if left out, none if empty'),
});

/**
 * What a partner's certificates must be like beside having a path (TM-3): a fixed list of fields,
 * all of which must be met. What is left out demands nothing.
 */
export const requirementsSchema = z.strictObject({
  signatureAlgorithms: z
    .array(z.enum(SIGNATURE_ALGORITHMS))
    .min(1)
    .optional()
    .describe('how it and every CA certificate below the anchor may be signed'),
  keys: keysSchema
    .optional()
    .describe('kind and strength of its key and of that of every CA below the anchor'),
  keyUsage: z
    .array(z.enum(KEY_USAGES))
    .min(1)
    .optional()
    .describe('key usages that it must state, all of them'),
  extendedKeyUsage: z
    .array(z.union([z.literal('emailProtection'), oidSchema]))
    .min(1)
    .max(MAX_LIST)
    .optional()
    .describe('extended key usages that it must state, all of them'),
  policies: z
    .array(oidSchema)
    .min(1)
    .max(MAX_LIST)
    .optional()
    .describe('certificate policies of which its whole path must assert one (RFC 5280)'),
  names: z
    .strictObject({
      forms: z
        .array(z.enum(['rfc822Name', 'SmtpUTF8Mailbox', 'dNSName', 'directoryName', 'URI']))
        .min(1)
        .optional()
        .describe('forms of subjectAltName that it must have, all of them'),
      match: z
        .array(z.string().min(1).max(320))
        .min(1)
        .max(MAX_LIST)
        .optional()
        .describe(
          'patterns of which every address and host name in it must fit one; * stands for anything',
        ),
    })
    .optional()
    .describe('what it is called'),
  issuers: z
    .array(z.string().min(1).max(1000))
    .min(1)
    .max(MAX_LIST)
    .optional()
    .describe('who may have issued it: the subject of the CA as RFC 4514 text'),
});

/** What the certificates of one direction must be like. */
export type CertificateRequirements = z.infer<typeof requirementsSchema>;
