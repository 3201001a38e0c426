import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import { emptySchema } from './values.ts';

/** What the supervisor asks of every process. */
export const healthProtocol = defineProtocol({
  health: {
    params: emptySchema,
    result: z.strictObject({ ok: z.boolean(), sentence: z.string() }),
  },
  /** Counters and gauges by Prometheus name. */
  metrics: { params: emptySchema, result: z.record(z.string(), z.number()) },
});
