import { z } from 'zod';
import { common, count, domain, faultId, queueId, text, time, tls, word } from './base.ts';

/** RFC 8460 section 4.3: the words for how TLS fared. `success` is ours: nothing failed. */
export const TLS_RESULT_TYPES = [
  'success',
  'starttls-not-supported',
  'certificate-host-mismatch',
  'certificate-expired',
  'certificate-not-trusted',
  'validation-failure',
  'tlsa-invalid',
  'dnssec-invalid',
  'dane-required',
  'sts-policy-fetch-error',
  'sts-policy-invalid',
  'sts-webpki-invalid',
] as const;

/** How one try to reach one host fared under one policy that its side published (RFC 8460). */
const tlsResult = z.strictObject({
  policyType: z.enum(['tlsa', 'sts', 'no-policy-found']),
  /** Who published it; for TLSA the base domain of the host. */
  policyDomain: domain,
  /** What it said, record by record or line by line. */
  policyStrings: z.array(z.string().max(300)).max(32),
  /** False where a failure changed nothing: no policy, or MTA-STS in mode testing. */
  enforced: z.boolean(),
  result: z.enum(TLS_RESULT_TYPES),
  reason: text.optional(),
  mx: domain,
  address: word.optional(),
});

const nextHop = {
  queueId,
  destination: domain.optional(),
  mx: domain.optional(),
  /** The remote reply, whole. */
  reply: text.optional(),
  recipients: count.optional(),
  attempts: count.optional(),
  tls: tls.nullable().optional(),
  /** Every connection that was opened or refused for it; what a TLS report is made of. */
  tlsResults: z.array(tlsResult).max(64).optional(),
};

/** The fate of a message at egress. */
export const deliveryEvents = [
  z.strictObject({ kind: z.literal('relayed'), ...nextHop, ...common }),
  z.strictObject({
    kind: z.literal('deferred'),
    ...nextHop,
    fault: faultId,
    nextAttempt: time.optional(),
    ...common,
  }),
  z.strictObject({ kind: z.literal('failed'), ...nextHop, fault: faultId, ...common }),
  z.strictObject({ kind: z.literal('expired'), ...nextHop, fault: faultId, ...common }),
  /** A report of ours; `dsnId` is its own queue id, of origin gateway, and counts as accepted. */
  z.strictObject({
    kind: z.literal('dsn-created'),
    queueId,
    dsnId: queueId,
    action: z.enum(['failed', 'delayed', 'relayed']),
    fault: faultId.optional(),
    ...common,
  }),
  z.strictObject({ kind: z.literal('destination-paused'), destination: domain, ...common }),
  z.strictObject({ kind: z.literal('destination-resumed'), destination: domain, ...common }),
] as const;
