import { z } from 'zod';
import type { Desk } from '../desk/desk.ts';
import { DEFAULT_REHEARSED } from '../desk/policy.ts';
import { MAX_REHEARSED } from '../desk/rehearse.ts';
import { given } from './event-schemas.ts';
import { moveRoutes } from './policy-moves.ts';
import {
  changeOf,
  changeSchema,
  draftAnswer,
  draftedSchema,
  reasonField,
  rehearsalSchema,
  versionNumber,
  versionParams,
  versionRowSchema,
  versionViewSchema,
} from './policy-schemas.ts';
import { type ApiAnswer, type ApiRoute, pageOf, pageQuery, route } from './route.ts';

const MAX_DOCUMENT_CHARS = 900_000;

/** Policy versions: what they say, what they change, and their life. */
export const policyRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/policy/versions',
    permission: 'partner.read',
    summary: 'Every policy version, newest first.',
    query: z.strictObject(pageQuery),
    result: pageOf(versionRowSchema),
    handle: async ({ desk, query }) => {
      const { limit, before } = query;
      const page = await desk.policy.list({ limit, ...given({ before }) });
      return { kind: 'ok', value: { items: [...page.versions], before: page.before } };
    },
  }),
  route({
    method: 'POST',
    path: '/policy/versions',
    permission: 'policy.propose',
    summary: 'Makes a whole document the next version, as a draft. The ETag is of GET /policy.',
    body: z.strictObject({
      /** YAML or JSON. */
      document: z.string().max(MAX_DOCUMENT_CHARS),
      reason: reasonField,
    }),
    result: draftedSchema,
    etag: async ({ desk }) => await desk.policy.tag(),
    handle: async ({ desk, actor, body: { document: text, reason }, seen }) => {
      const order = { text, reason, ...given({ seen }) };
      return draftAnswer(await desk.policy.draft(actor, order), '/document');
    },
  }),
  route({
    method: 'GET',
    path: '/policy',
    permission: 'partner.read',
    summary: 'The version in force; its ETag changes with every version and step.',
    result: z.strictObject({ version: z.int().nullable(), sha256: z.string().nullable() }),
    etag: async ({ desk }) => await desk.policy.tag(),
    handle: async ({ desk }) => {
      const opened = await desk.policy.inForce();
      const { version = null, sha256: hash = null } = opened?.version ?? {};
      return { kind: 'ok', value: { version, sha256: hash } };
    },
  }),
  route({
    method: 'GET',
    path: '/policy/versions/:version',
    permission: 'partner.read',
    summary: 'One version: its steps, what it changes, and what can be done next.',
    params: versionParams,
    result: versionViewSchema,
    etag: async ({ desk, params: { version } }) => (await desk.policy.show(version))?.tag ?? null,
    handle: async ({ desk, params: { version } }) => {
      const view = await desk.policy.show(version);
      if (view === null) return { kind: 'problem', problem: { id: 'not-found' } };
      const { tag: _, newCertificates: __, lastStep: ___, ...value } = view;
      return {
        kind: 'ok',
        value: {
          ...value,
          steps: value.steps.map((step) => ({ ...step })),
          changes: value.changes.map(changeOf),
          faults: [...value.faults],
          next: [...value.next],
        },
      };
    },
  }),
  route({
    method: 'GET',
    path: '/policy/versions/:version/document',
    permission: 'partner.read',
    summary: 'The document of a version as YAML.',
    params: versionParams,
    result: z.string(),
    handle: async ({ desk, params: { version } }) => {
      const bytes = await desk.policy.document(version);
      if (bytes === null) return { kind: 'problem', problem: { id: 'not-found' } };
      return { kind: 'file', type: 'application/yaml', name: `policy-${version}.yaml`, bytes };
    },
  }),
  route({
    method: 'GET',
    path: '/policy/versions/:version/changes',
    permission: 'partner.read',
    summary: 'What differs from another version, field by field, and whether it is stricter.',
    params: versionParams,
    query: z.strictObject({ from: versionNumber }),
    result: z.strictObject({ changes: z.array(changeSchema) }),
    handle: async ({ desk, params: { version }, query: { from } }) => {
      const changes = await desk.policy.diff(from, version);
      if (changes === null) return { kind: 'problem', problem: { id: 'not-found' } };
      return { kind: 'ok', value: { changes: changes.map(changeOf) } };
    },
  }),
  route({
    method: 'GET',
    path: '/policy/versions/:version/rehearsal',
    permission: 'simulate',
    summary: 'What a version would change for the newest messages of the audit log.',
    params: versionParams,
    query: z.strictObject({
      last: z.coerce.number().int().min(1).max(MAX_REHEARSED).default(DEFAULT_REHEARSED),
    }),
    result: rehearsalSchema,
    handle: async ({ desk, params: { version }, query: { last } }) => {
      const found = await desk.policy.rehearse(version, last);
      if (found === null) return await notRehearsed(desk, version);
      const copied = <T extends { readonly examples: readonly string[] }>(one: T) => ({
        ...one,
        examples: [...one.examples],
      });
      const { changes, unknowns } = found;
      return {
        kind: 'ok',
        value: { ...found, changes: changes.map(copied), unknowns: unknowns.map(copied) },
      };
    },
  }),
  ...moveRoutes,
];

/** There is no such version, or no log to rehearse it on. */
async function notRehearsed(
  desk: Desk,
  version: number,
): Promise<Extract<ApiAnswer<never>, { kind: 'problem' }>> {
  if ((await desk.policy.open(version)) === null) {
    return { kind: 'problem', problem: { id: 'not-found' } };
  }
  const detail = 'There is no audit log to rehearse it on.';
  return { kind: 'problem', problem: { id: 'refused', detail } };
}
