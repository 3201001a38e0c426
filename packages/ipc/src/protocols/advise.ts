import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import { forwardPathSchema, reversePathSchema } from './values.ts';

/** One step of a search for certificates: what was asked, of whom, what came, what it means. */
export const traceStepSchema = z.strictObject({
  door: z.string(),
  query: z.string(),
  server: z.string().exactOptional(),
  outcome: z.enum(['found', 'nothing', 'usable', 'unusable', 'failed', 'skipped']),
  reason: z.string(),
  tookMs: z.number(),
});

const traced = { steps: z.array(traceStepSchema).max(1_000) };

/** What console and cli ask of worker advise. It writes nothing. */
export const adviseProtocol = defineProtocol({
  locate: {
    params: z.strictObject({ address: forwardPathSchema }),
    result: z.strictObject({ ...traced, certificates: z.array(z.base64()) }),
  },
  simulate: {
    params: z.strictObject({ from: reversePathSchema, to: forwardPathSchema }),
    result: z.strictObject({
      ...traced,
      decision: z.string(),
      rule: z.string(),
      sentence: z.string(),
      /** How it would be encrypted and who chose that; null if it would not be. */
      algorithms: z
        .strictObject({
          content: z.string(),
          contentSource: z.string(),
          keyTransport: z.string(),
          keyTransportSource: z.string(),
        })
        .nullable(),
    }),
  },
});
