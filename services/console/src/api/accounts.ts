import { PERMISSIONS, ROLES } from '@sallyport/accounts';
import { z } from 'zod';
import type { AccountsDesk, Invited } from '../desk/accounts.ts';
import type { Problem } from './problem.ts';
import { type ApiAnswer, type ApiRoute, route } from './route.ts';

const id = z.string().regex(/^[0-9a-f]{20}$/);
const idParams = z.strictObject({ id });
const roles = z.array(z.enum(ROLES)).min(1).max(ROLES.length);

const accountSchema = z.strictObject({
  id,
  name: z.string(),
  roles: z.array(z.enum(ROLES)),
  /** invited: nobody can sign in before the link was used. */
  state: z.enum(['active', 'invited', 'disabled']),
  signsInWith: z.array(z.enum(['password', 'passkey', 'provider'])),
  createdAt: z.iso.datetime(),
});
const tokenSchema = z.strictObject({
  id,
  accountId: id,
  name: z.string(),
  scopes: z.array(z.enum(PERMISSIONS)),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  lastUsedOn: z.iso.date().nullable(),
});
const invitedSchema = z.strictObject({
  account: accountSchema,
  /** Given out this once. */
  link: z.url(),
  until: z.iso.datetime(),
});
const done = z.strictObject({ done: z.literal(true) });

type Refusal = Exclude<Awaited<ReturnType<AccountsDesk['link']>>, Invited>;

function problemOf(answer: Refusal): Problem {
  return answer.kind === 'refused'
    ? { id: 'refused', detail: answer.sentence }
    : { id: 'not-found' };
}

function invitedAnswer(answer: Invited | Refusal): ApiAnswer<z.infer<typeof invitedSchema>> {
  if (answer.kind !== 'invited') return { kind: 'problem', problem: problemOf(answer) };
  const { kind: _, account, ...link } = answer;
  const value = { account: plain(account), ...link };
  return { kind: 'created', value, location: `/accounts/${account.id}` };
}

function changeAnswer(
  answer: Awaited<ReturnType<AccountsDesk['setRoles']>>,
): ApiAnswer<z.infer<typeof accountSchema>> {
  return answer.kind === 'done'
    ? { kind: 'ok', value: plain(answer.account) }
    : { kind: 'problem', problem: problemOf(answer) };
}

function plain(row: Invited['account']): z.infer<typeof accountSchema> {
  return { ...row, roles: [...row.roles], signsInWith: [...row.signsInWith] };
}

const reading: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/accounts',
    permission: 'account.change',
    summary: 'Every account, without anything that it is signed in to with.',
    result: z.strictObject({ items: z.array(accountSchema) }),
    handle: async ({ desk }) => ({
      kind: 'ok',
      value: { items: (await desk.accounts.list()).map(plain) },
    }),
  }),
  route({
    method: 'GET',
    path: '/accounts/:id',
    permission: 'account.change',
    summary: 'One account and its API tokens, without their secrets.',
    params: idParams,
    result: z.strictObject({ account: accountSchema, tokens: z.array(tokenSchema) }),
    handle: async ({ desk, params }) => {
      const found = await desk.accounts.one(params.id);
      if (found.kind === 'unknown-id') return { kind: 'problem', problem: { id: 'not-found' } };
      const tokens = found.tokens.map((one) => ({ ...one, scopes: [...one.scopes] }));
      return { kind: 'ok', value: { account: plain(found.account), tokens } };
    },
  }),
];

/** Who may use the console. */
export const accountRoutes: readonly ApiRoute[] = [
  ...reading,
  route({
    method: 'POST',
    path: '/accounts',
    permission: 'account.change',
    summary: 'Makes an account; the answer has the one-time link that sets it up.',
    body: z.strictObject({ name: z.string().min(1).max(64), roles }),
    result: invitedSchema,
    handle: async ({ desk, actor, body }) => invitedAnswer(await desk.accounts.add(actor, body)),
  }),
  route({
    method: 'POST',
    path: '/accounts/:id/link',
    permission: 'account.change',
    summary: 'Makes a new one-time link for an account; the one before ends.',
    params: idParams,
    result: invitedSchema,
    handle: async ({ desk, actor, params }) =>
      invitedAnswer(await desk.accounts.link(actor, params.id)),
  }),
  route({
    method: 'PUT',
    path: '/accounts/:id/roles',
    permission: 'account.change',
    summary: "Sets an account's roles; nobody sets their own.",
    params: idParams,
    body: z.strictObject({ roles }),
    result: accountSchema,
    handle: async ({ desk, actor, params, body }) =>
      changeAnswer(await desk.accounts.setRoles(actor, { id: params.id, roles: body.roles })),
  }),
  ...(['disable', 'enable'] as const).map((verb) =>
    route({
      method: 'POST',
      path: `/accounts/:id/${verb}`,
      permission: 'account.change',
      summary:
        verb === 'disable'
          ? 'Lets nobody sign in to an account, and ends what is signed in.'
          : 'Lets people sign in to an account again.',
      params: idParams,
      result: accountSchema,
      handle: async ({ desk, actor, params }) =>
        changeAnswer(await desk.accounts.setDisabled(actor, { id: params.id, verb })),
    }),
  ),
  route({
    method: 'DELETE',
    path: '/tokens/:id',
    permission: 'account.change',
    summary: 'Revokes a token of whatever account.',
    params: idParams,
    result: done,
    handle: async ({ desk, actor, params }): Promise<ApiAnswer<z.infer<typeof done>>> => {
      const revoked = await desk.accounts.revokeToken(actor, params.id);
      return revoked.kind === 'revoked'
        ? { kind: 'ok', value: { done: true } }
        : { kind: 'problem', problem: { id: 'not-found' } };
    },
  }),
];
