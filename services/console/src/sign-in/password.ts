import { type Account, findAccount } from '@sallyport/accounts';
import type { FastifyRequest } from 'fastify';
import { cookieOf } from './cookies.ts';
import { type Entrance, failedFrom, forgiveClient, recordRefusal, waitOf } from './entrance.ts';

const MAX_PASSWORD_CHARS = 1_024;

export type PasswordOutcome =
  | { readonly kind: 'right'; readonly account: Account }
  | { readonly kind: 'wrong' }
  /** Not even looked at. */
  | { readonly kind: 'wait'; readonly seconds: number };

const BUSY_SECONDS = 5;

/**
 * Checks a name and a password. Whoever guesses waits ever longer, first by their address, then by
 * the account they guess at. A storm on an account does not shut its owner out: a browser that they
 * signed in with before is counted for itself, and passkeys ask for no password at all.
 */
export async function checkNameAndPassword(
  entrance: Entrance,
  request: FastifyRequest,
  given: { readonly name: string; readonly password: string },
): Promise<PasswordOutcome> {
  const name = given.name.trim().toLowerCase().slice(0, 64);
  const byAddress = await waitOf(entrance, request, 'password');
  if (byAddress > 0) return wait(byAddress);
  const account = findAccount(await entrance.store.read(), { name });
  const now = entrance.ports.clock.now();
  const device = entrance.devices.open(cookieOf(request, 'device'), now);
  const isKnown = account !== null && device?.accountId === account.id;
  const [delays, key] = isKnown
    ? [entrance.delays.device, account.id]
    : [entrance.delays.account, name];
  const byAccount = delays.waitMs(key, now);
  if (byAccount > 0) {
    // Their next tries count for their address: a storm from one place ends there.
    failedFrom(entrance, request);
    if (delays.isToTell(key, now)) {
      const reason = 'too-many-tries';
      await recordRefusal(entrance, request, { method: 'password', reason, account });
    }
    return wait(byAccount);
  }
  const canSignIn = account !== null && !account.disabled && account.oidc === null;
  const hasher = isKnown ? entrance.hashers.known : entrance.hashers.stranger;
  const password = given.password.slice(0, MAX_PASSWORD_CHARS);
  // Counted before the hash: many tries at once must not all find the way free.
  failedFrom(entrance, request);
  delays.failed(key, now);
  const matches = await hasher.matches(password, canSignIn ? account.passwordHash : null);
  if (matches === false) {
    const reason = 'wrong-password';
    await recordRefusal(entrance, request, { method: 'password', reason, account });
    return { kind: 'wrong' };
  }
  forgiveClient(entrance, request);
  delays.forgive(key);
  if (matches === 'busy' || account === null) return { kind: 'wait', seconds: BUSY_SECONDS };
  return { kind: 'right', account };
}

function wait(ms: number): PasswordOutcome {
  return { kind: 'wait', seconds: Math.ceil(ms / 1_000) };
}
