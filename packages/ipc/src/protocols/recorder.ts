import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import { emptySchema, timeSchema } from './values.ts';

/** Message of the refusal (fault null) of a `key-intent` whose queue id was never accepted. */
export const NOT_ACCEPTED = 'not-accepted';

/** What everyone may ask of the recorder: one more event, and where the log ends. */
export const recorderProtocol = defineProtocol({
  /**
   * Adds one event; the recorder checks it against the closed union of packages/audit-log.
   * Durable: the answer comes after the disk has it. Otherwise it comes at once, the event rides
   * the next commit, and its index is only a promise until then.
   */
  record: {
    params: z.strictObject({ event: z.looseObject({ kind: z.string() }), durable: z.boolean() }),
    result: z.strictObject({ index: z.int().nonnegative() }),
  },
  /** The last signed head; root is SHA-256 in hex. */
  head: {
    params: emptySchema,
    result: z.strictObject({ size: z.int().nonnegative(), root: z.string(), time: timeSchema }),
  },
});
export type RecorderProtocol = typeof recorderProtocol;
