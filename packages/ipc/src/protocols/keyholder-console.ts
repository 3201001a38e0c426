import { z } from 'zod';
import { tokenUriSchema } from '../keys/token-uri.ts';
import { defineProtocol } from '../protocol.ts';
import { keyAlgorithmSchema, keyClassSchema, keyStateSchema } from './key-record.ts';
import { keyholderOperatorProtocol } from './keyholder-operator.ts';
import { base64Schema, keyIdSchema, timeSchema } from './values.ts';

const MAX_KEYS = 100;
const MAX_NAME_CHARS = 4_000;
const MAX_REASON_CHARS = 1_000;

/** What the keyholder reads in a certificate of its own; nobody else's is read there. */
const ownCertificateSchema = z.strictObject({
  der: base64Schema(64 * 1024),
  subject: z.string().max(MAX_NAME_CHARS),
  issuer: z.string().max(MAX_NAME_CHARS),
  serial: z.string().max(64),
  /** SHA-256 of the DER in hex. */
  fingerprint: z.string().length(64),
  notBefore: timeSchema,
  notAfter: timeSchema,
});

const publicKeyFactsSchema = z.strictObject({
  keyId: keyIdSchema,
  class: keyClassSchema,
  domain: z.string().max(255),
  state: keyStateSchema,
  algorithm: keyAlgorithmSchema,
  certificate: ownCertificateSchema.nullable(),
  isRevoked: z.boolean(),
  dkimSelector: z.string().max(63).nullable(),
  /** RFC 7512 without a query, so never with a PIN; null for a key in a file. */
  token: tokenUriSchema.nullable(),
  createdAt: timeSchema.nullable(),
  activateAt: timeSchema.nullable(),
  activatedAt: timeSchema.nullable(),
  retiredAt: timeSchema.nullable(),
  destroyedAt: timeSchema.nullable(),
});
/** What anybody may know of a key. */
export type PublicKeyFacts = z.infer<typeof publicKeyFactsSchema>;

/** The socket of the console: it sees what is public of the keys, and uses none but for requests. */
export const keyholderConsoleProtocol = defineProtocol({
  /** Every key of the folder in the order of their names, a page at a time. */
  list: {
    params: z.strictObject({ after: keyIdSchema.exactOptional() }),
    result: z.strictObject({
      keys: z.array(publicKeyFactsSchema).max(MAX_KEYS),
      /** Where the next page begins; null after the last. */
      next: keyIdSchema.nullable(),
      /** Keys that are left out because their files are broken; the same on each page. */
      quarantined: z
        .array(
          z.strictObject({
            keyId: z.string().max(255),
            reason: z.string().max(MAX_REASON_CHARS),
          }),
        )
        .max(MAX_KEYS),
    }),
  },
  /** As on the socket of the operator. */
  signCsr: keyholderOperatorProtocol.signCsr,
});
/** Keys of one page at the most; fewer where certificates are long. */
export const MAX_LISTED_KEYS = MAX_KEYS;
export type KeyholderConsoleProtocol = typeof keyholderConsoleProtocol;
