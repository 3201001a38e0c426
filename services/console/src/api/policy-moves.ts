import { z } from 'zod';
import type { Moved } from '../desk/policy.ts';
import { MOVE_PERMISSIONS, MOVES, type Move } from '../desk/policy-moves.ts';
import { given } from './event-schemas.ts';
import { reasonField, stepSchema, versionParams } from './policy-schemas.ts';
import { type ApiAnswer, type ApiRoute, route } from './route.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

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
    params: versionParams,
    body: BODIES[move],
    result: stepSchema,
    etag: async ({ desk, params: { version } }) => (await desk.policy.show(version))?.tag ?? null,
    handle: async ({ desk, actor, params: { version }, body, seen }) => {
      const { at, ...rest }: Extra = body;
      const order = { move, version, ...given({ ...rest, seen }) };
      return moveAnswer(
        await desk.policy.move(actor, at === undefined ? order : { ...order, at: new Date(at) }),
      );
    },
  });
}

/** Each step in the life of a version. */
export const moveRoutes: readonly ApiRoute[] = MOVES.map(moveRoute);
