import { z } from 'zod';
import { tokenUriSchema } from '../keys/token-uri.ts';
import { defineProtocol } from '../protocol.ts';
import { keyAlgorithmSchema, keyClassSchema } from './key-record.ts';
import { base64Schema, emptySchema, keyIdSchema } from './values.ts';

const MAX_REQUEST_BYTES = 64 * 1024;
const MAX_STATEMENT_CHARS = 256 * 1024;
const part = z
  .string()
  .min(1)
  .max(64) // RFC 5280 appendix A.1 ub-organization-name and its like
  .regex(/^[^\p{Cc}]+$/u);

/** Parts of a subject that a CA outside may want beside the authority's name. */
export const requestedOrganizationSchema = z.strictObject({
  c: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
  st: part.optional(),
  l: part.optional(),
  o: part.optional(),
  ou: part.optional(),
});
export type RequestedOrganization = z.infer<typeof requestedOrganizationSchema>;

const word = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/);
const words = z.array(word).min(1).max(32);
const certificates = z.array(base64Schema(16 * 1024)).max(8);

/** What a domain says of itself beside its name and the times (docs/trial-connect.md). */
export const statementFieldsSchema = z.strictObject({
  certificates: z.strictObject({ signing: certificates, encryption: certificates }),
  accepts: z.strictObject({
    profiles: words,
    content: words,
    keyTransport: words,
    signatures: words,
  }),
  demands: z.strictObject({
    signature: z.enum(['domain', 'any', 'optional']),
    encryption: z.boolean(),
  }),
  tls: z.strictObject({
    level: z.enum(['none', 'encrypt']),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']),
    mx: z.array(z.string().min(1).max(255)).max(32),
    clientCertificate: z.boolean(),
  }),
  contact: z.string().max(320),
});
export type StatementFields = z.infer<typeof statementFieldsSchema>;

/** A key on the token, as its record names it. */
const tokenKeySchema = z.strictObject({
  uri: tokenUriSchema,
  algorithm: keyAlgorithmSchema,
  /** DER of its SubjectPublicKeyInfo. */
  spki: base64Schema(4 * 1024),
});

/** The socket of the operator of this host: the command line and the supervisor, mode 0600. */
export const keyholderOperatorProtocol = defineProtocol({
  /** Reads the key folder again, after a change of keys; answers when the new keys are in use. */
  reload: {
    params: emptySchema,
    result: z.strictObject({ keyIds: z.array(keyIdSchema) }),
  },
  /**
   * A PKCS#10 request (RFC 2986) for one authority key, composed by the keyholder: the authority's
   * name of the key's class and domain, whatever the caller would like.
   */
  signCsr: {
    params: z.strictObject({
      keyId: keyIdSchema,
      organization: requestedOrganizationSchema.optional(),
    }),
    result: z.strictObject({ csr: base64Schema(MAX_REQUEST_BYTES) }),
  },
  /**
   * The statement of a domain, as JWS: domain and certificates of the header are those of the signing
   * key, the times come from the keyholder's own clock.
   */
  signStatement: {
    params: z.strictObject({
      keyId: keyIdSchema,
      lifetimeHours: z
        .int()
        .min(1)
        .max(31 * 24),
      fields: statementFieldsSchema,
    }),
    result: z.strictObject({ jws: z.string().max(MAX_STATEMENT_CHARS) }),
  },
  /** The public half of a key that is on the token already, for its record. */
  tokenKey: {
    params: z.strictObject({ uri: tokenUriSchema }),
    result: tokenKeySchema,
  },
  /** Makes a key pair on the token that never leaves it, under a fresh CKA_ID. */
  generateOnToken: {
    params: z.strictObject({
      class: keyClassSchema,
      algorithm: keyAlgorithmSchema,
      /** The label of the token. */
      token: z.string().min(1).max(32),
      /** CKA_LABEL, for people who look at the token. */
      label: z
        .string()
        .regex(/^[\x20-\x7e]+$/)
        .max(64),
    }),
    result: tokenKeySchema,
  },
});
