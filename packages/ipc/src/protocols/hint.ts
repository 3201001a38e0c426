import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import {
  emptySchema,
  faultIdSchema,
  forwardPathSchema,
  queueIdSchema,
  reversePathSchema,
  timeSchema,
} from './values.ts';

const by = z.string().min(1).max(320).describe('who did it, for the audit log');
const destination = z.string().min(1).max(255);
const id = queueIdSchema;

/** waiting: due later. active: being worked on. held: policy. paused: an operator stopped the destination. */
export const queueStateSchema = z.enum(['waiting', 'active', 'held', 'paused', 'corrupt']);

/** One message of the queue, as an operator sees it. */
export const queueEntrySchema = z.strictObject({
  id,
  state: queueStateSchema,
  folder: z.enum(['incoming', 'outgoing', 'hold', 'corrupt']),
  createdAt: timeSchema,
  dueAt: timeSchema.nullable(),
  destination: z.string().nullable(),
  reversePath: reversePathSchema,
  forwardPaths: z.array(forwardPathSchema),
  sizeBytes: z.int().nonnegative(),
  attempts: z.int().nonnegative(),
  fault: faultIdSchema.nullable(),
  /** Why it waits or is held. */
  sentence: z.string(),
});
export type QueueEntry = z.infer<typeof queueEntrySchema>;

const done = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('done') }),
  z.strictObject({ kind: z.literal('unknown-id') }),
  z.strictObject({ kind: z.literal('not-possible'), sentence: z.string() }),
]);

/** Job hints and queue verbs, on worker outward (folder `incoming`, `hold`) and egress (`outgoing`). */
export const hintProtocol = defineProtocol({
  /** There is work under this id; losing a hint loses no mail. */
  hint: {
    params: z.strictObject({
      id,
      /** Of a file that was just made: what the owner would read from it. */
      destination: destination.exactOptional(),
    }),
    result: emptySchema,
  },
  list: {
    params: z.strictObject({
      state: queueStateSchema.optional(),
      limit: z.int().min(1).max(1_000).optional(),
    }),
    result: z.strictObject({ entries: z.array(queueEntrySchema), more: z.boolean() }),
  },
  show: {
    params: z.strictObject({ id }),
    result: z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('entry'),
        entry: queueEntrySchema,
        details: z.record(z.string(), z.unknown()),
      }),
      z.strictObject({ kind: z.literal('unknown-id') }),
    ]),
  },
  release: { params: z.strictObject({ id, by }), result: done },
  retry: { params: z.strictObject({ id }), result: done },
  drop: { params: z.strictObject({ id, by, notify: z.boolean() }), result: done },
  pause: { params: z.strictObject({ destination, by }), result: emptySchema },
  resume: { params: z.strictObject({ destination, by }), result: emptySchema },
});
