import { type FaultId, isFaultId } from '@sallyport/faults';
import type { QueueId } from '@sallyport/mail';
import type { Spool } from '@sallyport/spool';
import { z } from 'zod';

/** What is known of a message in `incoming` beside its envelope; replaced as a whole. */
const outwardStateSchema = z.strictObject({
  /** Forward-paths that are settled: sent on, held, refused. */
  settled: z.array(z.string()),
  attempts: z.number().int().nonnegative(),
  nextAttemptAt: z.iso.datetime().nullable(),
  fault: z.custom<FaultId>((value) => typeof value === 'string' && isFaultId(value)).nullable(),
  sentence: z.string(),
  delayWarned: z.boolean(),
  /** A security admin lifted the content filter's hold. */
  releasedAt: z.iso.datetime().nullable(),
});

export type OutwardState = z.infer<typeof outwardStateSchema>;

export const FIRST_STATE: OutwardState = {
  settled: [],
  attempts: 0,
  nextAttemptAt: null,
  fault: null,
  sentence: 'Waits for its first try.',
  delayWarned: false,
  releasedAt: null,
};

/** A state that cannot be read is taken as none: doing a step again is safe, leaving it out is not. */
export function parseOutwardState(value: unknown): OutwardState {
  const parsed = outwardStateSchema.safeParse(value);
  return parsed.success ? parsed.data : FIRST_STATE;
}

/** The state beside a file, as above; one damaged file must not keep the rest of the queue. */
export async function readOutwardState(
  spool: Pick<Spool, 'readState'>,
  folder: 'incoming' | 'hold' | 'corrupt',
  id: QueueId,
): Promise<OutwardState> {
  return parseOutwardState(await spool.readState(folder, id).catch(() => null));
}
