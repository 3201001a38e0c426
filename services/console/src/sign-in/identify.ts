import { accountOfToken, noteTokenUse, permissionsOf } from '@sallyport/accounts';
import type { FastifyRequest } from 'fastify';
import type { Identity } from '../identity.ts';
import { type Entrance, type SignedIn, signedIn } from './entrance.ts';

const BEARER = /^Bearer +([\x21-\x7e]{1,200})$/i;

/** Who asks, by token or by cookie; a request that brings a token is not also heard as a person. */
export async function identify(
  entrance: Entrance,
  request: FastifyRequest,
): Promise<Identity | null> {
  const { authorization } = request.headers;
  if (authorization !== undefined) return await byToken(entrance, authorization);
  const who = await signedIn(entrance, request);
  return who === null ? null : identityOf(who);
}

export function identityOf({ account, session, isFresh }: SignedIn): Identity {
  const { id, name, roles } = account;
  const permissions = permissionsOf(roles);
  return {
    actor: { accountId: id, name, roles, permissions, via: 'session' },
    csrf: session.csrf,
    isFresh,
  };
}

async function byToken(entrance: Entrance, authorization: string): Promise<Identity | null> {
  const [, secret] = BEARER.exec(authorization) ?? [];
  if (secret === undefined) return null;
  const now = entrance.ports.clock.now();
  const found = accountOfToken(await entrance.store.read(), secret, now);
  if (found === null) return null;
  const { account, token, permissions } = found;
  if (token.lastUsedOn !== now.toISOString().slice(0, 10)) {
    // Nothing that anybody waits for, and no event: the calls themselves are recorded.
    await entrance.store.change(
      (accounts) => noteTokenUse(accounts, token.id, now),
      async () => undefined,
    );
  }
  const { id, name, roles } = account;
  return {
    actor: { accountId: id, name, roles, permissions, via: 'token' },
    csrf: null,
    isFresh: true,
  };
}
