import { z } from 'zod';
import { endingSchema } from './event-schemas.ts';
import { type ApiRoute, route } from './route.ts';

const text = z.string();
const time = z.iso.datetime();
const counts = z.record(text, z.number());

/** Routes about reports. */
export const reportRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/reports/tls',
    permission: 'report.read',
    summary: 'TLS reports that others sent (RFC 8460), newest first.',
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(50).default(20),
      /** Reports older than the one of this id. */
      before: z
        .string()
        .regex(/^[0-9a-f]{1,64}$/)
        .optional(),
    }),
    result: z.object({
      items: z.array(
        z.object({
          id: text,
          domain: text,
          submitter: text,
          dkimDomain: text,
          organisation: text,
          contact: text,
          start: time,
          end: time,
          receivedAt: time,
          successes: z.int(),
          failures: z.int(),
          details: z.array(
            z.object({
              policy: text,
              result: text,
              mx: text.nullable(),
              reason: text.nullable(),
              sessions: z.int(),
            }),
          ),
        }),
      ),
      before: text.nullable(),
    }),
    handle: async ({ desk, query: { limit, before } }) => {
      const page = before === undefined ? { limit } : { limit, before };
      const answer = await desk.reports.tlsReports(page);
      return { kind: 'ok', value: { items: [...answer.reports], before: answer.before } };
    },
  }),
  route({
    method: 'GET',
    path: '/reports/posture',
    permission: 'report.read',
    summary: 'Transactions by the TLS level that each had, a step a day.',
    query: z.strictObject({ days: z.coerce.number().int().min(1).max(366).default(30) }),
    result: z.object({
      since: time,
      until: time,
      total: counts,
      steps: z.array(z.object({ at: time, counts })),
    }),
    handle: async ({ desk, query: { days } }) => {
      const posture = await desk.reports.posture(days);
      return { kind: 'ok', value: { ...posture, steps: [...posture.steps] } };
    },
  }),
  route({
    method: 'GET',
    path: '/reports/endings',
    permission: 'report.read',
    summary: 'Certificates, agreements and exceptions with their ends, the first to end first.',
    result: z.object({
      endings: z.array(endingSchema),
      missing: z.array(text),
    }),
    handle: async ({ desk }) => {
      const { endings, missing } = await desk.reports.endings();
      return { kind: 'ok', value: { endings: [...endings], missing: [...missing] } };
    },
  }),
];
