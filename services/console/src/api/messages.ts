import { MESSAGE_OUTCOMES } from '@sallyport/audit-index';
import { queueEntrySchema } from '@sallyport/ipc';
import { z } from 'zod';
import { eventRow, eventSchema, given, idParams, timeQuery } from './event-schemas.ts';
import { type ApiRoute, pageOf, pageQuery, route } from './route.ts';

const count = z.int().nonnegative();

const FAULTS = {
  'unknown-partner': 'The policy in force has no such partner.',
  'many-domains': 'The partner has too many domains: ask for one of them.',
} as const;

const summarySchema = z.strictObject({
  index: count,
  queueId: z.string(),
  time: z.string(),
  origin: z.enum(['outward', 'inward', 'gateway']),
  reversePath: z.string().nullable(),
  forwardPaths: z.array(z.string()).nullable(),
  outcome: z.enum(MESSAGE_OUTCOMES),
  recipients: z.record(z.string(), count),
  sentence: z.string(),
  partnerDomains: z.array(z.string()),
});

const storySchema = z.strictObject({
  queueId: z.string(),
  summary: summarySchema.nullable(),
  events: z.array(eventSchema),
  related: z.array(z.string()),
  /** Null: it is not held. */
  held: z
    .strictObject({
      sentence: z.string(),
      advice: z.string().nullable(),
      entry: queueEntrySchema.pick({ id: true, expiresAt: true, release: true }).nullable(),
    })
    .nullable(),
});

/** Messages and what became of them. */
export const messagesRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/messages',
    permission: 'message.read',
    summary: 'Messages, newest first, by id, address, partner, domain, time or outcome.',
    query: z.strictObject({
      ...pageQuery,
      queueId: z.string().max(64).optional(),
      address: z.string().max(320).optional(),
      domain: z.string().max(255).optional(),
      partner: z.string().max(320).optional(),
      since: timeQuery,
      until: timeQuery,
      outcome: z.enum(MESSAGE_OUTCOMES).optional(),
    }),
    result: pageOf(summarySchema),
    handle: async ({ desk, query: { since, until, limit, ...rest } }) => {
      const found = await desk.messages.search({
        ...given(rest),
        ...(since === undefined ? {} : { since: new Date(since) }),
        ...(until === undefined ? {} : { until: new Date(until) }),
        limit,
      });
      if (found.kind === 'page') {
        const items = found.messages.map((one) => ({ ...one, recipients: { ...one.recipients } }));
        return { kind: 'ok', value: { items, before: found.before } };
      }
      const errors = [{ pointer: 'partner', detail: FAULTS[found.kind] }];
      return { kind: 'problem', problem: { id: 'invalid-fields', errors } };
    },
  }),
  route({
    method: 'GET',
    path: '/messages/:id',
    permission: 'message.read',
    summary: 'Everything that is recorded of one message; never its content.',
    params: idParams,
    result: storySchema,
    handle: async ({ desk, params }) => {
      const story = await desk.messages.story(params.id);
      if (story === null) return { kind: 'problem', problem: { id: 'not-found' } };
      const { summary, events, related, held, queueId } = story;
      return {
        kind: 'ok',
        value: {
          queueId,
          summary: summary === null ? null : { ...summary, recipients: { ...summary.recipients } },
          events: events.map(eventRow),
          related: [...related],
          held,
        },
      };
    },
  }),
];
