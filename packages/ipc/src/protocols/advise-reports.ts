import { z } from 'zod';
import { timeSchema } from './values.ts';

const MAX_REPORTS = 50;
const domain = z.string().min(1).max(255);
const count = z.int().nonnegative();
const tlsReportSchema = z.strictObject({
  id: z.string().max(64),
  /** The domain of ours that it is about. */
  domain,
  /** Whose it is, proven by DKIM of `dkimDomain`. */
  submitter: z.string().max(255),
  dkimDomain: z.string().max(255),
  organisation: z.string().max(2_000),
  contact: z.string().max(320),
  start: timeSchema,
  end: timeSchema,
  receivedAt: timeSchema,
  successes: count,
  failures: count,
  /** Failed sessions of a kind and place added up, the most first. */
  details: z
    .array(
      z.strictObject({
        policy: z.enum(['tlsa', 'sts', 'no-policy-found']),
        result: z.string().max(64),
        mx: z.string().max(255).nullable(),
        reason: z.string().max(2_000).nullable(),
        sessions: count,
      }),
    )
    .max(20),
});
/** What a received report says (RFC 8460 section 4.4), bounded for people to read. */
export type ReceivedTlsReport = z.infer<typeof tlsReportSchema>;

/** TLS reports that were received, the newest first. */
export const tlsReportsMethod = {
  params: z.strictObject({
    limit: z.int().min(1).max(MAX_REPORTS),
    /** Reports older than this one, by its `id`. */
    before: z.string().max(64).exactOptional(),
  }),
  result: z.strictObject({
    reports: z.array(tlsReportSchema).max(MAX_REPORTS),
    before: z.string().max(64).nullable(),
  }),
};
