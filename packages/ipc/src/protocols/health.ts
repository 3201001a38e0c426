import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import { base64Schema, emptySchema, timeSchema } from './values.ts';

const MAX_SENTENCE_CHARS = 2_000;
const MAX_CERTIFICATE_BYTES = 64 * 1024;
/** Of one answer: with 64 KiB each they stay within a frame. */
export const MAX_SHOWN_CERTIFICATES = 10;
export const MAX_NOTICES = 100;

/** `name{label="value"}` as Prometheus has it; nothing in a value needs to be escaped. */
export const SERIES =
  /^sallyport_[a-z0-9_]{1,80}(\{[a-z]+="[a-zA-Z0-9+._-]*"(,[a-z]+="[a-zA-Z0-9+._-]*")*\})?$/;

const healthSchema = z.strictObject({
  /** False: it answers, and cannot do its work. */
  ok: z.boolean(),
  /** What it does, or what is wrong and what to do. */
  sentence: z.string().max(MAX_SENTENCE_CHARS),
});
export type Health = z.infer<typeof healthSchema>;

const shownCertificateSchema = z.strictObject({
  kind: z.enum(['domain-signing', 'domain-confidentiality', 'statement', 'tls']),
  /** Which one, in our own words: a key id, a role. */
  name: z.string().max(100),
  /** DER. */
  certificate: base64Schema(MAX_CERTIFICATE_BYTES),
});
export type ShownCertificate = z.infer<typeof shownCertificateSchema>;

/** An event of the audit log that a person should hear of. */
const noticeSchema = z.strictObject({
  index: z.int().nonnegative(),
  time: timeSchema,
  kind: z.string().max(64),
  sentence: z.string().max(MAX_SENTENCE_CHARS),
});
export type Notice = z.infer<typeof noticeSchema>;

/** What the monitor and the console ask of every process, on `health/<role>.sock`. */
export const healthProtocol = defineProtocol({
  health: { params: emptySchema, result: healthSchema },
  /** Everything that it counts; each name is a row of the catalogue in packages/log. */
  metrics: { params: emptySchema, result: z.record(z.string().regex(SERIES), z.number()) },
  /** The certificates that it shows or signs with, as it has them in memory, page by page. */
  certificates: {
    params: z.strictObject({ from: z.int().nonnegative() }),
    result: z.strictObject({
      certificates: z.array(shownCertificateSchema).max(MAX_SHOWN_CERTIFICATES),
      more: z.boolean(),
    }),
  },
  /** Events after an index of the log, oldest first; only the recorder has any. */
  notices: {
    params: z.strictObject({ after: z.int().min(-1) }),
    result: z.strictObject({ notices: z.array(noticeSchema).max(MAX_NOTICES) }),
  },
});
export type HealthProtocol = typeof healthProtocol;
