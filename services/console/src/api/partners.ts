import { adviseProtocol } from '@sallyport/ipc';
import { z } from 'zod';
import type { PartnerRow, Trouble } from '../desk/partner-facts.ts';
import { sheetText } from '../pages/partner-sheet.ts';
import { en } from '../texts/en.ts';
import { given } from './event-schemas.ts';
import {
  changeOf,
  changeSchema,
  draftAnswer,
  draftedSchema,
  reasonField,
} from './policy-schemas.ts';
import { type ApiAnswer, type ApiRoute, route } from './route.ts';

const MAX_LIST = 200;
const MAX_PEM_CHARS = 64 * 1024;
const MAX_UPLOADED = 20;

const params = z.strictObject({ name: z.string().min(1).max(200) });
/** As it stands in a policy document; whether it is right is said field by field. */
const recordSchema = z.record(z.string().max(64), z.unknown());

const rowSchema = z.strictObject({
  name: z.string(),
  domains: z.array(z.string()),
  encrypt: z.enum(['required', 'when-possible', 'none']),
  signature: z.enum(['domain-required', 'any-required', 'when-present']),
  tlsLevel: z.string(),
  agreement: z
    .strictObject({ validUntil: z.string(), state: z.enum(['current', 'ending', 'ended']) })
    .nullable(),
  certificates: z.int(),
  lastMail: z
    .strictObject({
      time: z.string(),
      origin: z.string(),
      outcome: z.string(),
      queueId: z.string(),
    })
    .nullable(),
  trouble: z.array(
    z.strictObject({ kind: z.string(), days: z.int().optional(), count: z.int().optional() }),
  ),
});

const { describe, probe, survey, trust } = adviseProtocol;
const described = z.array(describe.result.shape.certificates.element);

const viewSchema = z.strictObject({
  /** The policy version that it is from. */
  version: z.int(),
  record: recordSchema,
  values: z.array(z.strictObject({ field: z.string(), value: z.unknown(), source: z.string() })),
  /** Null while nobody can read them. */
  certificates: described.nullable(),
  history: z.array(
    z.strictObject({
      version: z.int(),
      time: z.string(),
      by: z.string(),
      reason: z.string(),
      changes: z.array(changeSchema),
    }),
  ),
});

/** What changes without the policy, so without the ETag of the record. */
const activitySchema = z.strictObject({
  summary: rowSchema,
  sessions: z.array(
    z.strictObject({
      time: z.string(),
      kind: z.string(),
      queueId: z.string().nullable(),
      mx: z.string(),
      tls: z.string(),
      sentence: z.string(),
    }),
  ),
});

function rowOf(row: PartnerRow): z.infer<typeof rowSchema> {
  const { agreement, domains, trouble, lastMail } = row;
  return {
    ...row,
    domains: [...domains],
    lastMail: lastMail === null ? null : { ...lastMail },
    agreement:
      agreement === null ? null : { validUntil: agreement.validUntil, state: agreement.state.kind },
    trouble: trouble.map((one: Trouble) => ({ ...one })),
  };
}

type Looked<T> =
  | { readonly kind: 'found'; readonly found: T }
  | { readonly kind: 'refused'; readonly sentence: string };

function looked<T>(answer: Looked<T>): ApiAnswer<T> {
  return answer.kind === 'found'
    ? { kind: 'ok', value: answer.found }
    : { kind: 'problem', problem: { id: 'refused', detail: answer.sentence } };
}

const domainBody = z.strictObject({ domain: z.string().min(1).max(255) });

/** What is looked up at strangers. */
const lookRoutes: readonly ApiRoute[] = [
  route({
    method: 'POST',
    path: '/survey',
    permission: 'simulate',
    summary: 'What a domain publishes about mail and certificates, and what is wrong with it.',
    body: domainBody,
    result: survey.result,
    handle: async ({ desk, body }) => looked(await desk.look.survey(body.domain)),
  }),
  route({
    method: 'POST',
    path: '/probe',
    permission: 'simulate',
    summary: 'Connects to the mail servers of a domain: TLS, certificates, DANE, levels that hold.',
    body: domainBody,
    result: probe.result,
    handle: async ({ desk, body }) => looked(await desk.look.probe(body.domain)),
  }),
  route({
    method: 'POST',
    path: '/certificates/locate',
    permission: 'simulate',
    summary: 'The certificate of an address with its path, each field that counted, and the trace.',
    body: z.strictObject({
      address: z.string().min(3).max(320),
      role: z.enum(['confidentiality', 'signing']).default('confidentiality'),
    }),
    result: trust.result,
    handle: async ({ desk, body }) => looked(await desk.look.trust(body)),
  }),
  route({
    method: 'POST',
    path: '/certificates/describe',
    permission: 'partner.read',
    summary: 'Every field of certificates, in PEM or DER in base64.',
    body: z.strictObject({
      certificates: z.array(z.string().max(MAX_PEM_CHARS)).min(1).max(MAX_UPLOADED),
    }),
    result: describe.result,
    handle: async ({ desk, body }) => {
      const found = await desk.look.describe(body.certificates);
      if (found === null) return { kind: 'problem', problem: { id: 'part-unavailable' } };
      return { kind: 'ok', value: { certificates: found.certificates } };
    },
  }),
];

/** Partners as the policy in force has them. A change makes a draft version. */
export const partnerRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/partners',
    permission: 'partner.read',
    summary: 'Partners by name, with their state at a glance.',
    query: z.strictObject({
      text: z.string().max(255).optional(),
      /** How many are passed over: `next` of the page before. */
      from: z.coerce.number().int().min(0).max(10_000).default(0),
      limit: z.coerce.number().int().min(1).max(MAX_LIST).default(50),
    }),
    result: z.strictObject({
      items: z.array(rowSchema),
      total: z.int(),
      next: z.int().nullable(),
    }),
    handle: async ({ desk, query: { text, from, limit } }) => {
      const found = await desk.partners.list({ from, limit, ...given({ text }) });
      const { partners, total, next } = found;
      return { kind: 'ok', value: { items: partners.map(rowOf), total, next } };
    },
  }),
  route({
    method: 'POST',
    path: '/partners',
    permission: 'policy.propose',
    summary: 'Adds a partner, in a new draft version. The ETag is of GET /policy.',
    body: z.strictObject({ record: recordSchema, reason: reasonField }),
    result: draftedSchema,
    etag: async ({ desk }) => await desk.policy.tag(),
    handle: async ({ desk, actor, body, seen }) =>
      draftAnswer(
        await desk.partners.edit(actor, { name: null, ...body, ...given({ seen }) }),
        '/record',
      ),
  }),
  route({
    method: 'GET',
    path: '/partners/:name',
    permission: 'partner.read',
    summary: 'One partner: record, values with their sources, certificates, history.',
    params,
    result: viewSchema,
    etag: async ({ desk, params: { name } }) => await desk.partners.tag(name),
    handle: async ({ desk, params: { name } }) => {
      const view = await desk.partners.show(name);
      if (view === null) return { kind: 'problem', problem: { id: 'not-found' } };
      const { version, record, values, certificates, history } = view;
      return {
        kind: 'ok',
        value: {
          version,
          record: { ...record },
          values: values.map((one) => ({ ...one })),
          certificates: certificates?.certificates ?? null,
          history: history.map((one) => ({ ...one, changes: one.changes.map(changeOf) })),
        },
      };
    },
  }),
  route({
    method: 'GET',
    path: '/partners/:name/activity',
    permission: 'partner.read',
    summary: 'Its state at a glance, and the last sessions with its servers.',
    params,
    result: activitySchema,
    handle: async ({ desk, params: { name } }) => {
      const view = await desk.partners.show(name);
      if (view === null) return { kind: 'problem', problem: { id: 'not-found' } };
      const sessions = view.sessions.map((one) => ({ ...one }));
      return { kind: 'ok', value: { summary: rowOf(view.row), sessions } };
    },
  }),
  route({
    method: 'PUT',
    path: '/partners/:name',
    permission: 'policy.propose',
    summary: 'Replaces the record of a partner, in a new draft version.',
    params,
    body: z.strictObject({ record: recordSchema, reason: reasonField }),
    result: draftedSchema,
    etag: async ({ desk, params: { name } }) => await desk.partners.tag(name),
    handle: async ({ desk, actor, params: { name }, body, seen }) =>
      draftAnswer(
        await desk.partners.edit(actor, { name, ...body, ...given({ seen }) }),
        '/record',
      ),
  }),
  route({
    method: 'DELETE',
    path: '/partners/:name',
    permission: 'policy.propose',
    summary: 'Takes a partner away, in a new draft version.',
    params,
    query: z.strictObject({ reason: reasonField }),
    result: draftedSchema,
    etag: async ({ desk, params: { name } }) => await desk.partners.tag(name),
    handle: async ({ desk, actor, params: { name }, query: { reason }, seen }) => {
      const edit = { name, record: null, reason, ...given({ seen }) };
      return draftAnswer(await desk.partners.edit(actor, edit), '/record');
    },
  }),
  route({
    method: 'GET',
    path: '/partners/:name/sheet',
    permission: 'partner.read',
    summary: 'What the partner needs of us, as text to send.',
    params,
    result: z.string(),
    handle: async ({ desk, params: { name } }) => {
      const sheet = await desk.sheets.sheet(name);
      if (sheet === null) return { kind: 'problem', problem: { id: 'not-found' } };
      const bytes = sheetText(sheet, en);
      return { kind: 'file', type: 'text/plain; charset=utf-8', name: 'sheet.txt', bytes };
    },
  }),
  ...lookRoutes,
];
