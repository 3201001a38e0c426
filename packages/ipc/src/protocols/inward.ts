import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import {
  clientFactsSchema,
  emptySchema,
  forwardPathSchema,
  queueIdSchema,
  replyFaultIdSchema,
  reversePathSchema,
} from './values.ts';

const MAX_FORWARD_PATHS = 1_000;
const MAX_RESULTS = 1_000;

const refusal = z.strictObject({ kind: z.literal('refuse'), fault: replyFaultIdSchema });
const transaction = { client: clientFactsSchema, reversePath: reversePathSchema };

/** Ingress asks worker inward, at MAIL, at RCPT and inside DATA. */
export const inwardProtocol = defineProtocol({
  /** RFC5321.MailFrom: what policy demands of this client, its TLS and the reverse-path. */
  demands: {
    params: z.strictObject(transaction),
    result: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('ok') }),
      refusal.extend({ sentence: z.string().exactOptional() }),
    ]),
  },
  /** RCPT: known or not, and which rule; another `ruleKey` than the first one's needs its own transaction. */
  recipient: {
    params: z.strictObject({ ...transaction, forwardPath: forwardPathSchema }),
    result: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('ok'), ruleKey: z.string().max(1_024) }),
      refusal,
    ]),
  },
  /**
   * The message of `spool/tmp/<queueId>`. Results lie in `tmp`; ingress alone commits them. None at
   * all: it was for the gateway itself, which has kept what it says.
   */
  judge: {
    params: z.strictObject({
      queueId: queueIdSchema,
      ...transaction,
      forwardPaths: z.array(forwardPathSchema).min(1).max(MAX_FORWARD_PATHS),
      sizeBytes: z.int().nonnegative(),
    }),
    result: z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('accept'),
        results: z
          .array(z.strictObject({ id: queueIdSchema, folder: z.enum(['outgoing', 'hold']) }))
          .max(MAX_RESULTS),
        sentence: z.string(),
      }),
      z.strictObject({
        kind: z.literal('refuse'),
        fault: replyFaultIdSchema,
        sentence: z.string(),
      }),
      z.strictObject({ kind: z.literal('defer'), fault: replyFaultIdSchema }),
    ]),
  },
  /** The client left before the verdict: uncommitted work is dropped. */
  cancel: { params: z.strictObject({ queueId: queueIdSchema }), result: emptySchema },
});
