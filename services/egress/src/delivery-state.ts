import { auditEventSchema } from '@sallyport/audit-log';
import { type FaultId, isFaultId } from '@sallyport/faults';
import { parseQueueId, type QueueId } from '@sallyport/mail';
import { type QueueFileHeader, SpoolCorruptError } from '@sallyport/spool';
import { z } from 'zod';

const fault = z.custom<FaultId>((value) => typeof value === 'string' && isFaultId(value));
const queueId = z.custom<QueueId>(
  (value) => typeof value === 'string' && parseQueueId(value) !== null,
);

const replySchema = z.strictObject({
  code: z.int(),
  enhanced: z.string().nullable(),
  lines: z.array(z.string()),
  command: z.enum(['connect', 'MAIL', 'RCPT', 'DATA', 'end of DATA']),
  mx: z.string(),
});

const recipientSchema = z.strictObject({
  status: z.enum(['waiting', 'relayed', 'failed', 'expired', 'dropped']),
  attempts: z.int().nonnegative(),
  fault: fault.nullable(),
  sentence: z.string(),
  /** The last remote reply, whole. */
  reply: replySchema.nullable(),
  at: z.iso.datetime().nullable(),
});

const reportSchema = z.strictObject({
  id: queueId,
  action: z.enum(['failed', 'delayed', 'relayed', 'hold']),
  /** Indexes of recipients. */
  recipients: z.array(z.int().nonnegative()),
  willRetryUntil: z.iso.datetime().nullable(),
});

const stateSchema = z.strictObject({
  version: z.literal(1),
  /** In the order of the header's forward-paths. */
  recipients: z.array(recipientSchema),
  attempts: z.int().nonnegative(),
  nextAttemptAt: z.iso.datetime().nullable(),
  /** The author was told of the delay. */
  isWarned: z.boolean(),
  /** Done and not yet recorded: recorded first when the message is next looked at. */
  outbox: z.array(auditEventSchema),
  /** Reports that are decided and not yet written; a crash may write one twice, never not at all. */
  reports: z.array(reportSchema),
});

type Mutable = z.infer<typeof stateSchema>;
type MutableRecipient = z.infer<typeof recipientSchema>;

/** What became of each recipient so far; the file beside the queue file. */
export type DeliveryState = Readonly<Mutable>;
export type RecipientState = Readonly<MutableRecipient>;
export type PlannedReport = Readonly<z.infer<typeof reportSchema>>;

/** The state of a message that nobody has tried yet. */
export function newState(header: Pick<QueueFileHeader, 'forwardPaths'>): DeliveryState {
  return {
    version: 1,
    recipients: header.forwardPaths.map(() => ({
      status: 'waiting' as const,
      attempts: 0,
      fault: null,
      sentence: 'not tried yet',
      reply: null,
      at: null,
    })),
    attempts: 0,
    nextAttemptAt: null,
    isWarned: false,
    outbox: [],
    reports: [],
  };
}

/**
 * Reads a state back.
 *
 * @throws SpoolCorruptError if it is not one of this message: delivering without it could deliver
 *   twice.
 */
export function parseState(
  value: unknown,
  header: Pick<QueueFileHeader, 'forwardPaths'>,
): DeliveryState {
  if (value === null || value === undefined) return newState(header);
  const parsed = stateSchema.safeParse(value);
  if (!parsed.success) {
    throw new SpoolCorruptError(`delivery state is not readable: ${z.prettifyError(parsed.error)}`);
  }
  if (parsed.data.recipients.length !== header.forwardPaths.length) {
    throw new SpoolCorruptError('delivery state is of another message');
  }
  return parsed.data;
}

/** When the state says that the message is due; at once if it says nothing. */
export function dueAtOf(value: unknown): Date {
  const parsed = stateSchema.safeParse(value);
  const at = parsed.success ? parsed.data.nextAttemptAt : null;
  return new Date(at ?? 0);
}

/** Indexes of the recipients that still wait. */
export function waitingOf(state: DeliveryState): number[] {
  return [...state.recipients.keys()].filter((at) => state.recipients[at]?.status === 'waiting');
}

/** Nothing is left to do, to record or to report. */
export function isComplete(state: DeliveryState): boolean {
  return state.outbox.length === 0 && state.reports.length === 0 && waitingOf(state).length === 0;
}
