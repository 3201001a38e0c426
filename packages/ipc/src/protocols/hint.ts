import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import {
  destinationSchema,
  emptySchema,
  faultIdSchema,
  forwardPathSchema,
  operatorSchema,
  queueIdSchema,
  reversePathSchema,
  timeSchema,
} from './values.ts';

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
  /** Of held ones: when it comes back to its author, or is dropped, if nobody releases it. */
  expiresAt: timeSchema.exactOptional(),
  /** Of held ones: who may release it, and what becomes of it either way. */
  release: z.string().exactOptional(),
});
export type QueueEntry = z.infer<typeof queueEntrySchema>;

/** Which messages are meant; each part that is there must match. */
export const queueSelectionSchema = z.strictObject({
  /** Domains of a partner, or `*.x` for all below x; of a recipient or of the reverse-path. */
  partnerDomains: z.array(z.string().max(255)).max(1_000).exactOptional(),
  /** An address or a domain. */
  recipient: z.string().min(1).max(320).exactOptional(),
});
export type QueueSelection = z.infer<typeof queueSelectionSchema>;

/** True if an operator means this message. */
export function isSelected(
  { forwardPaths, reversePath }: Pick<QueueEntry, 'forwardPaths' | 'reversePath'>,
  { partnerDomains, recipient }: QueueSelection,
): boolean {
  const domains = [...forwardPaths, reversePath].map(domainOf);
  if (partnerDomains !== undefined && !domains.some((one) => isIn(one, partnerDomains)))
    return false;
  if (recipient === undefined) return true;
  const wanted = recipient.toLowerCase();
  return forwardPaths.some((path) => path.toLowerCase() === wanted || domainOf(path) === wanted);
}

function domainOf(path: string): string {
  return path.slice(path.lastIndexOf('@') + 1).toLowerCase();
}

function isIn(domain: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.startsWith('*.') ? domain.endsWith(pattern.slice(1)) : domain === pattern,
  );
}

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
      destination: destinationSchema.exactOptional(),
    }),
    result: emptySchema,
  },
  list: {
    params: z.strictObject({
      state: queueStateSchema.optional(),
      /** queue: all that is not held. */
      place: z.enum(['queue', 'hold']).optional(),
      /** The order is that of the ids: only what comes after this one. */
      after: id.optional(),
      limit: z.int().min(1).max(1_000).optional(),
      selection: queueSelectionSchema.optional(),
    }),
    /** Fewer than the limit where messages have many recipients; `more` tells. */
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
  release: { params: z.strictObject({ id, by: operatorSchema }), result: done },
  retry: { params: z.strictObject({ id }), result: done },
  drop: { params: z.strictObject({ id, by: operatorSchema, notify: z.boolean() }), result: done },
});
