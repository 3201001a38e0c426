import { z } from 'zod';
import type { Drafted, Moved } from '../desk/policy.ts';
import { MOVE_PERMISSIONS, MOVES, type Move } from '../desk/policy-moves.ts';
import { MAX_REHEARSED } from '../desk/rehearse.ts';
import { given } from './event-schemas.ts';
import { type ApiAnswer, type ApiRoute, pageOf, pageQuery, route } from './route.ts';

const MAX_DOCUMENT_CHARS = 900_000;
const DEFAULT_REHEARSED = 1_000;

const number = z.coerce.number().int().min(1).max(999_999);
const params = z.strictObject({ version: number });
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const reasonField = z.string().trim().min(1).max(1_000);
const states = [
  'draft',
  'proposed',
  'approved',
  'scheduled',
  'active',
  'superseded',
  'rolled-back',
] as const;

const rowSchema = z.strictObject({
  version: z.int(),
  state: z.enum(states),
  author: z.string(),
  reason: z.string(),
  time: z.string(),
  sha256: z.string(),
  activateAt: z.string().nullable(),
});

export const changeSchema = z.strictObject({
  record: z.string(),
  kind: z.enum(['added', 'removed', 'changed']),
  field: z.string(),
  from: z.array(z.string()).nullable(),
  to: z.array(z.string()).nullable(),
  effect: z.enum(['stricter', 'looser', 'other']),
});

const summarySchema = z.strictObject({
  envelopes: z.int(),
  recipients: z.int(),
  changed: z.int(),
  wouldFail: z.int(),
  unknown: z.int(),
});

const stepSchema = z.object({
  step: z.int(),
  kind: z.string(),
  version: z.int(),
  sha256: z.string(),
  by: z.string(),
  time: z.string(),
  reason: z.string().optional(),
  at: z.string().optional(),
  rehearsal: summarySchema.optional(),
});

const viewSchema = z.object({
  ...rowSchema.shape,
  steps: z.array(stepSchema),
  base: z.int().nullable(),
  changes: z.array(changeSchema),
  faults: z.array(z.string()),
  next: z.array(z.enum(MOVES)),
});

const rehearsalSchema = z.strictObject({
  summary: summarySchema,
  since: z.string().nullable(),
  until: z.string().nullable(),
  changes: z.array(
    z.strictObject({
      direction: z.enum(['outward', 'inward']),
      rule: z.string(),
      from: z.string(),
      to: z.string(),
      fails: z.boolean(),
      sentence: z.string(),
      count: z.int(),
      examples: z.array(z.string()),
    }),
  ),
  unknowns: z.array(
    z.strictObject({ why: z.string(), count: z.int(), examples: z.array(z.string()) }),
  ),
});

export const draftedSchema = z.strictObject({ version: z.int() });

/** What came of an order for a draft. `at` is where the document stands in the body. */
export function draftAnswer(
  drafted: Drafted | { readonly kind: 'unknown' },
  at: string,
): ApiAnswer<z.infer<typeof draftedSchema>> {
  switch (drafted.kind) {
    case 'written': {
      const { version } = drafted;
      return {
        kind: 'created',
        value: { version },
        location: `/api/v1/policy/versions/${version}`,
      };
    }
    case 'unknown':
      return { kind: 'problem', problem: { id: 'not-found' } };
    case 'changed':
      return { kind: 'problem', problem: { id: 'precondition-failed' } };
    case 'invalid': {
      const errors = drafted.faults.map(({ path, reason }) => ({
        pointer: `${at}${path === '' ? '' : `/${path.replaceAll('.', '/')}`}`,
        detail: reason,
      }));
      return { kind: 'problem', problem: { id: 'invalid-fields', errors } };
    }
  }
}

function moveAnswer(moved: Moved): ApiAnswer<z.infer<typeof stepSchema>> {
  switch (moved.kind) {
    case 'taken':
      return { kind: 'ok', value: { ...moved.step } };
    case 'refused':
      return { kind: 'problem', problem: { id: 'refused', detail: moved.sentence } };
    case 'changed':
      return { kind: 'problem', problem: { id: 'precondition-failed' } };
    case 'unknown':
      return { kind: 'problem', problem: { id: 'not-found' } };
  }
}

const SUMMARIES: Readonly<Record<Move, string>> = {
  propose: 'Proposes a version; it is rehearsed first, and what was found is kept with the step.',
  approve: 'Approves of exactly the hash given; never by its author or proposer.',
  activate: 'Puts a version in force now.',
  schedule: 'Plans when a version comes into force.',
  cancel: 'Takes the plan for a version back.',
  rollback: 'Puts a version in force again that was so before.',
};

/** What each step says beside the version. An approval names the hash that was looked at. */
const BODIES = {
  propose: z.strictObject({ reason: reasonField.optional() }),
  approve: z.strictObject({ sha256 }),
  activate: z.strictObject({ sha256: sha256.optional() }),
  schedule: z.strictObject({ at: z.iso.datetime(), sha256: sha256.optional() }),
  cancel: z.strictObject({}),
  rollback: z.strictObject({ reason: reasonField }),
} as const;

interface Extra {
  readonly sha256?: string | undefined;
  readonly at?: string | undefined;
  readonly reason?: string | undefined;
}

function moveRoute(move: Move): ApiRoute {
  return route({
    method: 'POST',
    path: `/policy/versions/:version/${move}`,
    permission: MOVE_PERMISSIONS[move],
    summary: SUMMARIES[move],
    params,
    body: BODIES[move],
    result: stepSchema,
    etag: async ({ desk, params: { version } }) => (await desk.policy.show(version))?.tag ?? null,
    handle: async ({ desk, actor, params: { version }, body }) => {
      const { at, ...rest }: Extra = body;
      const order = { move, version, ...given(rest) };
      return moveAnswer(
        await desk.policy.move(actor, at === undefined ? order : { ...order, at: new Date(at) }),
      );
    },
  });
}

/** Policy versions: what they say, what they change, and their life. */
export const policyRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/policy/versions',
    permission: 'partner.read',
    summary: 'Every policy version, newest first.',
    query: z.strictObject(pageQuery),
    result: pageOf(rowSchema),
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
    handle: async ({ desk, actor, body: { document: text, reason } }) =>
      draftAnswer(await desk.policy.draft(actor, { text, reason }), '/document'),
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
    params,
    result: viewSchema,
    etag: async ({ desk, params: { version } }) => (await desk.policy.show(version))?.tag ?? null,
    handle: async ({ desk, params: { version } }) => {
      const view = await desk.policy.show(version);
      if (view === null) return { kind: 'problem', problem: { id: 'not-found' } };
      const { tag: _, newCertificates: __, ...value } = view;
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
    params,
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
    params,
    query: z.strictObject({ from: number }),
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
    params,
    query: z.strictObject({
      last: z.coerce.number().int().min(1).max(MAX_REHEARSED).default(DEFAULT_REHEARSED),
    }),
    result: rehearsalSchema,
    handle: async ({ desk, params: { version }, query: { last } }) => {
      const found = await desk.policy.rehearse(version, last);
      if (found === null) return { kind: 'problem', problem: { id: 'not-found' } };
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
  ...MOVES.map(moveRoute),
];

type Change = z.infer<typeof changeSchema>;

/** As the schema has it, with lists of its own. */
export function changeOf(
  one: Omit<Change, 'from' | 'to'> & {
    readonly from: readonly string[] | null;
    readonly to: readonly string[] | null;
  },
): Change {
  const { from, to } = one;
  return { ...one, from: from === null ? null : [...from], to: to === null ? null : [...to] };
}
