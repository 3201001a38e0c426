import { z } from 'zod';
import { common, count, domain, faultId, queueId, text, time, tls } from './base.ts';

const nextHop = {
  queueId,
  destination: domain.optional(),
  mx: domain.optional(),
  /** The remote reply, whole. */
  reply: text.optional(),
  recipients: count.optional(),
  attempts: count.optional(),
  tls: tls.nullable().optional(),
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
