import { FAULTS, type FaultId, isFaultId, type ReplyFaultId } from '@sallyport/faults';
import { z } from 'zod';

const MAX_PATH_CHARS = 320;

/** CA certificates of a TLS client: enough for every real path, and small enough for a queue file. */
export const MAX_CHAIN_CERTIFICATES = 5;
export const MAX_CHAIN_CERTIFICATE_BYTES = 8 * 1024;

/** A row of the fault catalogue. */
export const faultIdSchema = z.custom<FaultId>(
  (value) => typeof value === 'string' && isFaultId(value),
  'no fault of the catalogue',
);

/** A row of the fault catalogue that may be said in an SMTP reply. */
export const replyFaultIdSchema = z.custom<ReplyFaultId>(
  (value) => typeof value === 'string' && isFaultId(value) && FAULTS[value].code !== null,
  'no fault that an SMTP reply may say',
);

/** As `parseQueueId` of packages/mail; safe as a file name. */
export const queueIdSchema = z.string().regex(/^[0-9a-hjkmnp-tv-z]{20}$/);

/** Names one key of the key folder; safe as a file name. */
export const keyIdSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/);

/** RFC 3339 in UTC. */
export const timeSchema = z.iso.datetime();

/** Base64 of at most `maxBytes` bytes. */
export const base64Schema = (maxBytes: number) =>
  z.base64().max(Math.ceil(maxBytes / 3) * 4, `longer than ${maxBytes} bytes`);

/** RFC 5321 section 2.3.11 mailbox as text; the empty string is the null reverse-path. */
export const reversePathSchema = z.string().max(MAX_PATH_CHARS);
export const forwardPathSchema = z.string().min(1).max(MAX_PATH_CHARS);

/** What stands in for "no more to say". */
export const emptySchema = z.strictObject({});

/** What ingress knows of the SMTP client. */
export const clientFactsSchema = z.strictObject({
  address: z.string().max(64),
  port: z.int().min(0).max(65_535),
  helo: z.string().max(1_024),
  tls: z
    .strictObject({
      version: z.string().max(32),
      cipher: z.string().max(128),
      clientCertificate: base64Schema(64 * 1024).nullable(),
      clientAuthorized: z.boolean(),
      /** What the client sent above its own certificate; left out: nothing. */
      clientChain: z
        .array(base64Schema(MAX_CHAIN_CERTIFICATE_BYTES))
        .max(MAX_CHAIN_CERTIFICATES)
        .exactOptional(),
    })
    .nullable(),
  login: z.string().max(MAX_PATH_CHARS).nullable(),
  listener: z.enum(['partner', 'submission', 'relay']),
  /** Left out: the client spoke to us itself. Else `tls` is the front's. */
  front: z
    .strictObject({
      address: z.string().max(64),
      clientKnown: z.boolean(),
      /** In whose name its Authentication-Results are believed; left out: in none. */
      authservId: z.string().max(255).exactOptional(),
    })
    .exactOptional(),
});
export type ClientFacts = z.infer<typeof clientFactsSchema>;

/** The domain that a message goes to, as schedules know it. */
export const destinationSchema = z.string().min(1).max(255);

export const operatorSchema = z.string().min(1).max(320).describe('who did it, for the audit log');
