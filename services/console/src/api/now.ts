import { queueEntrySchema, queueStateSchema } from '@sallyport/ipc';
import { z } from 'zod';
import { endingSchema } from './event-schemas.ts';
import { type ApiRoute, route } from './route.ts';

const count = z.int().nonnegative();
const steps = z.array(
  z.strictObject({ at: z.string(), counts: z.record(z.string(), z.int().nonnegative()) }),
);

const latencies = z.strictObject({ count, p50Ms: z.number(), p99Ms: z.number() }).nullable();

const nowSchema = z.strictObject({
  flow: z.strictObject({
    state: z.enum(['flows', 'quiet', 'stuck', 'ended', 'trouble']),
    lastAccepted: z.string().nullable(),
    lastRelayed: z.string().nullable(),
    acceptedLastHour: count,
    relayedLastHour: count,
    rate: steps,
    outcomes: steps,
    tls: steps,
    latencySteps: z.array(z.strictObject({ at: z.string(), latencies })),
    latencies,
  }),
  queue: z.strictObject({
    counts: z.array(z.strictObject({ state: queueStateSchema, reason: z.string(), count })),
    total: count,
    oldest: queueEntrySchema.nullable(),
    more: z.boolean(),
    away: z.array(z.string()),
    stopped: z.array(z.string()),
  }),
  held: z.strictObject({ total: count, more: z.boolean(), entries: z.array(queueEntrySchema) }),
  endings: z.array(z.strictObject({ ...endingSchema.shape, daysLeft: z.int() })),
  endingsMissing: z.array(z.string()),
  proposed: z.array(z.strictObject({ version: count, state: z.string() })),
  keyChanges: z.array(
    z.strictObject({ index: count, time: z.string(), domain: z.string(), direction: z.string() }),
  ),
  parts: z.array(
    z.strictObject({
      role: z.string(),
      state: z.enum(['works', 'trouble', 'away']),
      sentence: z.string().nullable(),
    }),
  ),
});

/** The state of the gateway. */
export const nowRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/now',
    permission: 'now.read',
    summary: 'Whether mail flows, what waits, what ends, what needs a decision.',
    result: nowSchema,
    handle: async ({ desk, actor }) => ({ kind: 'ok', value: await desk.now.now(actor) }),
  }),
];
