/** Tokens that programs use the API with. */
import type { AccountEvent } from './account-event.ts';
import {
  type Account,
  type Accounts,
  type ApiToken,
  MAX_TOKENS,
  MAX_TOKENS_OF_ACCOUNT,
  tokenName,
} from './document.ts';
import { type AccountRef, findAccount, type Plan, refused } from './plan.ts';
import { type Permission, permissionsOf } from './roles.ts';
import { hashSecret, isTokenLike, newId, newToken, sameHash } from './secrets.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
/** A token that nobody replaces for a year is one that nobody remembers. */
export const MAX_TOKEN_DAYS = 366;

/** A token and its secret: shown once, kept nowhere. */
export interface NewApiToken {
  readonly token: ApiToken;
  readonly secret: string;
}

/**
 * Makes an API token that ends after so many days. Refused: no such account, a name that is none,
 * scopes that are none or more than the account has, too long a life, too many tokens.
 */
export function createToken(
  accounts: Accounts,
  ref: AccountRef,
  order: {
    readonly name: string;
    readonly scopes: readonly Permission[];
    readonly days: number;
    readonly now: Date;
  },
): Plan<NewApiToken> {
  const account = findAccount(accounts, ref);
  if (account === null) return refused('There is no such account.');
  const name = order.name.trim();
  const fault = tokenFault(accounts, account, { ...order, name });
  if (fault !== null) return refused(fault);
  const { secret, hash } = newToken();
  const token: ApiToken = {
    id: newId(),
    accountId: account.id,
    name,
    hash,
    scopes: [...new Set(order.scopes)],
    createdAt: order.now.toISOString(),
    expiresAt: new Date(order.now.getTime() + order.days * DAY_MS).toISOString(),
    lastUsedOn: null,
  };
  return {
    kind: 'change',
    accounts: { ...accounts, tokens: [...accounts.tokens, token] },
    events: [tokenEvent(token, account, 'created')],
    result: { token, secret },
  };
}

function tokenFault(
  { tokens }: Accounts,
  account: Account,
  order: { readonly name: string; readonly scopes: readonly Permission[]; readonly days: number },
): string | null {
  const { name, scopes, days } = order;
  if (!tokenName.safeParse(name).success) return 'A token has a name of 1 to 64 characters.';
  if (scopes.length === 0) return 'A token has at least one scope.';
  const own = permissionsOf(account.roles);
  const foreign = scopes.find((scope) => !own.has(scope));
  if (foreign !== undefined) return `The account itself may not do ${foreign}.`;
  if (!Number.isInteger(days) || days < 1 || days > MAX_TOKEN_DAYS) {
    return `A token lasts 1 to ${MAX_TOKEN_DAYS} days.`;
  }
  const count = tokens.filter(({ accountId }) => accountId === account.id).length;
  if (count >= MAX_TOKENS_OF_ACCOUNT || tokens.length >= MAX_TOKENS) {
    return 'There are too many tokens: revoke one first.';
  }
  return null;
}

/** Takes a token away. `owner`: only if it is that account's. */
export function revokeToken(
  accounts: Accounts,
  id: string,
  owner?: { readonly id: string },
): Plan<ApiToken> {
  const token = accounts.tokens.find((one) => one.id === id);
  const account = token === undefined ? null : findAccount(accounts, { id: token.accountId });
  if (token === undefined || account === null || (owner ?? account).id !== account.id) {
    return refused('There is no such token.');
  }
  const tokens = accounts.tokens.filter((one) => one !== token);
  const events = [tokenEvent(token, account, 'revoked')];
  return { kind: 'change', accounts: { ...accounts, tokens }, events, result: token };
}

/** Who may do what with this token now; null: nobody. */
export function accountOfToken(
  accounts: Accounts,
  secret: string,
  now: Date,
): {
  readonly account: Account;
  readonly token: ApiToken;
  readonly permissions: ReadonlySet<Permission>;
} | null {
  if (!isTokenLike(secret)) return null;
  const hash = hashSecret(secret);
  const token = accounts.tokens.find((one) => sameHash(one.hash, hash));
  if (token === undefined || Date.parse(token.expiresAt) <= now.getTime()) return null;
  const account = findAccount(accounts, { id: token.accountId });
  if (account === null || account.disabled) return null;
  const own = permissionsOf(account.roles);
  const permissions = new Set(token.scopes.filter((scope) => own.has(scope)));
  return { account, token, permissions };
}

/** Notes the day of a token's last use. */
export function noteTokenUse(accounts: Accounts, id: string, now: Date): Plan<null> {
  const lastUsedOn = now.toISOString().slice(0, 10);
  const tokens = accounts.tokens.map((one) => (one.id === id ? { ...one, lastUsedOn } : one));
  return { kind: 'change', accounts: { ...accounts, tokens }, events: [], result: null };
}

function tokenEvent(
  token: ApiToken,
  account: Account,
  change: 'created' | 'revoked',
): AccountEvent {
  const facts =
    change === 'created' ? { scopes: [...token.scopes], expiresAt: token.expiresAt } : {};
  return {
    kind: 'token-changed',
    tokenId: token.id,
    accountId: account.id,
    change,
    ...facts,
    personal: { account: account.name, token: token.name },
  };
}
