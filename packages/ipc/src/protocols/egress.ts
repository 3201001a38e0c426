import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import { hintProtocol } from './hint.ts';
import { destinationSchema, emptySchema, operatorSchema } from './values.ts';

const stop = {
  params: z.strictObject({ destination: destinationSchema, by: operatorSchema }),
  result: emptySchema,
};

/** The socket of egress: job hints and queue verbs over `outgoing`, and what next hops take. */
export const egressProtocol = defineProtocol({
  ...hintProtocol,
  /** A destination is stopped where mail leaves, and nowhere else: until then it is worked on. */
  pause: stop,
  resume: stop,
  /** RFC 1870: the SIZE that the next hop of a domain announces; null if it is not known. */
  probeSize: {
    params: z.strictObject({ domain: z.string().min(1).max(255) }),
    result: z.strictObject({ sizeBytes: z.int().nonnegative().nullable() }),
  },
});
