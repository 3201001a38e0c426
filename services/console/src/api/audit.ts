import { AUDIT_EVENT_KINDS, eventProofSchema, signedHeadSchema } from '@sallyport/audit-log';
import { z } from 'zod';
import { eventRow, eventSchema, given, timeQuery } from './event-schemas.ts';
import { type ApiRoute, pageOf, pageQuery, route } from './route.ts';

const indexParams = z.strictObject({ index: z.coerce.number().int().nonnegative() });
const kind = z.enum(AUDIT_EVENT_KINDS as [string, ...string[]]);

/** What an audit search and an export ask for. */
const auditFields = {
  queueId: z.string().max(64).optional(),
  address: z.string().max(320).optional(),
  domain: z.string().max(255).optional(),
  text: z.string().max(320).optional(),
  by: z.string().max(320).optional(),
  since: timeQuery,
  until: timeQuery,
};

/** A name in a query may stand several times. */
const kindQuery = z.union([kind, z.array(kind).max(100)]).optional();

const REFUSALS = {
  'nothing-found': 'No event is as asked for.',
  'empty-log': 'Nothing was recorded yet.',
  'too-many': 'Over 100,000 events are as asked for.',
  contradicted: 'The log does not lead to its signed root.',
  removed: 'Retention removed what is asked for.',
  'no-key': 'The public key of the log cannot be read.',
  'index-behind': 'The log is still being read, so some events would be missing.',
} as const;

const BUSY = {
  'busy-own': 'An export of this account is still under way.',
  'busy-others': 'Others are taking exports at the moment.',
} as const;

/** The audit log. */
export const auditRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/audit/events',
    permission: 'audit.read',
    summary: 'Events of the audit log, newest first.',
    query: z.strictObject({ ...pageQuery, ...auditFields, kind: kindQuery }),
    result: pageOf(eventSchema),
    handle: async ({ desk, query: { kind: kinds, since, until, limit, ...rest } }) => {
      const { events, before } = await desk.audit.search({
        ...given(rest),
        ...(kinds === undefined ? {} : { kinds: [kinds].flat() }),
        ...(since === undefined ? {} : { since: new Date(since) }),
        ...(until === undefined ? {} : { until: new Date(until) }),
        limit,
      });
      return { kind: 'ok', value: { items: events.map(eventRow), before } };
    },
  }),
  route({
    method: 'GET',
    path: '/audit/events/:index',
    permission: 'audit.read',
    summary: 'One event, with the text of its leaf.',
    params: indexParams,
    result: z.strictObject({ ...eventSchema.shape, leaf: z.string() }),
    handle: async ({ desk, params }) => {
      const event = await desk.audit.event(params.index);
      if (event === null) return { kind: 'problem', problem: { id: 'not-found' } };
      return { kind: 'ok', value: { ...eventRow(event), leaf: event.leaf } };
    },
  }),
  route({
    method: 'GET',
    path: '/audit/events/:index/proof',
    permission: 'audit.read',
    summary: 'The inclusion proof of one event under the last signed head (RFC 9162).',
    params: indexParams,
    result: eventProofSchema,
    handle: async ({ desk, params }) => {
      const answer = await desk.audit.proof(params.index);
      switch (answer.kind) {
        case 'proof':
          return { kind: 'ok', value: answer.proof };
        case 'unknown':
          return { kind: 'problem', problem: { id: 'not-found' } };
        case 'removed':
          return { kind: 'problem', problem: { id: 'refused', detail: 'Retention removed it.' } };
        case 'contradicted': {
          const detail = 'The event does not lead to the signed root.';
          return { kind: 'problem', problem: { id: 'refused', detail } };
        }
      }
    },
  }),
  route({
    method: 'GET',
    path: '/audit/head',
    permission: 'audit.read',
    summary: 'The last signed head and the fingerprint of the log key.',
    result: z.strictObject({
      keyFingerprint: z.string().nullable(),
      head: signedHeadSchema.nullable(),
      isSigned: z.boolean(),
      damage: z.strictObject({ segment: z.string(), line: z.int() }).nullable(),
    }),
    handle: async ({ desk }) => ({ kind: 'ok', value: await desk.audit.head() }),
  }),
  route({
    method: 'POST',
    path: '/audit/export',
    permission: 'audit.export',
    summary: 'Events with their proofs as a ZIP archive; that they were taken is recorded first.',
    body: z.strictObject({
      ...auditFields,
      kinds: z.array(kind).max(100).optional(),
      format: z.enum(['csv', 'json']),
      withholdPersonal: z.boolean(),
    }),
    result: z.unknown(),
    handle: async ({ desk, actor, body }) => {
      const { since, until, format, withholdPersonal: withhold, ...rest } = body;
      const query = {
        ...given(rest),
        ...(since === undefined ? {} : { since: new Date(since) }),
        ...(until === undefined ? {} : { until: new Date(until) }),
      };
      const made = await desk.audit.export(actor, { query, format, withhold });
      switch (made.kind) {
        case 'export':
          return { kind: 'file', type: 'application/zip', name: made.name, bytes: made.bytes };
        case 'busy-own':
        case 'busy-others':
          return { kind: 'problem', problem: { id: 'too-many-requests', detail: BUSY[made.kind] } };
        default:
          return { kind: 'problem', problem: { id: 'refused', detail: REFUSALS[made.kind] } };
      }
    },
  }),
];
