/** Signing in with a passkey, alone or after a password, and showing it again. */
import { findAccount, notePasskeyUse } from '@sallyport/accounts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { en } from '../texts/en.ts';
import { cookieOf, setCookie } from './cookies.ts';
import {
  admit,
  changeAccounts,
  type Entrance,
  failedFrom,
  recordRefusal,
  signedIn,
  waitOf,
} from './entrance.ts';
import { fieldOf, ownAddress } from './origin.ts';
import { assertionSchema, requestOptions, verifyAssertion } from './passkey.ts';
import { type Door, openRoute, type Visit } from './routes.ts';

const shownSchema = z.object({ credential: assertionSchema });

export function registerPasskey(door: Door): void {
  const { entrance } = door;
  openRoute(door, 'POST', '/sign-in/passkey/options', async (visit) => {
    const { request, reply } = visit;
    const now = entrance.ports.clock.now();
    const before = entrance.steps.open(cookieOf(request, 'step'), now);
    const who = await signedIn(entrance, request);
    // Whose it must be: theirs who are signed in, or whose password was right a moment ago.
    const accountId = who?.account.id ?? before?.accountId ?? null;
    const account =
      accountId === null ? null : findAccount(await entrance.store.read(), { id: accountId });
    const options = await requestOptions(entrance, account);
    const { challenge } = options;
    const next = ownAddress(fieldOf(request.body, 'next') || before?.next);
    const value = entrance.steps.issue({ accountId, next, challenge, use: 'sign-in' }, now);
    setCookie(reply, 'step', { value });
    return options;
  });
  openRoute(door, 'POST', '/sign-in/passkey', async (visit) => await takePasskey(door, visit));
}

async function takePasskey({ entrance }: Door, visit: Visit): Promise<unknown> {
  const { request, reply } = visit;
  const waitMs = await waitOf(entrance, request, 'passkey');
  if (waitMs > 0) {
    return await reply.status(429).send({ fault: en.signIn.wait(Math.ceil(waitMs / 1_000)) });
  }
  const now = entrance.ports.clock.now();
  const step = entrance.steps.open(cookieOf(request, 'step'), now);
  const shown = shownSchema.safeParse(request.body);
  if (step?.challenge == null || step.use !== 'sign-in' || !shown.success) {
    return await refuse(entrance, visit, null);
  }
  const { credential } = shown.data;
  const { accounts } = await entrance.store.read();
  const account = accounts.find((one) => one.passkeys.some(({ id }) => id === credential.id));
  const passkey = account?.passkeys.find(({ id }) => id === credential.id);
  if (account === undefined || passkey === undefined) return await refuse(entrance, visit, null);
  const isOther = step.accountId !== null && step.accountId !== account.id;
  if (isOther || account.disabled) return await refuse(entrance, visit, account);
  const { challenge } = step;
  const counter = await verifyAssertion(entrance, { assertion: credential, challenge, passkey });
  if (counter === null || !entrance.spent.spend(challenge)) {
    return await refuse(entrance, visit, account);
  }
  const use = { id: passkey.id, counter, now };
  const noted = await changeAccounts(entrance, account.name, (all) =>
    notePasskeyUse(all, { id: account.id }, use),
  );
  if (noted.kind === 'refused') return await refuse(entrance, visit, account);
  await admit(entrance, { request, reply, account: noted.result, method: 'passkey' });
  return { to: step.next };
}

type Account = Parameters<typeof recordRefusal>[2]['account'];

async function refuse(
  entrance: Entrance,
  { request, reply }: Visit,
  account: NonNullable<Account> | null,
): Promise<FastifyReply> {
  failedFrom(entrance, request);
  const reason = 'wrong-passkey';
  await recordRefusal(entrance, request, { method: 'passkey', reason, account });
  return await reply.status(401).send({ fault: en.signIn.passkeyFault });
}
