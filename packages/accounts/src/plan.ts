import type { AccountChange, AccountEvent } from './account-event.ts';
import type { Account, Accounts } from './document.ts';

/** A change is not made, and why. */
export interface Refused {
  readonly kind: 'refused';
  readonly sentence: string;
}

/** A change of the accounts, worked out and not yet made. */
export type Plan<R> =
  | {
      readonly kind: 'change';
      readonly accounts: Accounts;
      readonly events: readonly AccountEvent[];
      readonly result: R;
    }
  | Refused;

export function refused(sentence: string): Refused {
  return { kind: 'refused', sentence };
}

/** Which account is meant: by people, its name; by code, its id. */
export type AccountRef = { readonly name: string } | { readonly id: string };

/** The account that is meant, or null. */
export function findAccount(accounts: Accounts, ref: AccountRef): Account | null {
  const isMeant = (one: Account): boolean =>
    'id' in ref ? one.id === ref.id : one.name === ref.name;
  return accounts.accounts.find(isMeant) ?? null;
}

/** Replaces an account by what `change` makes of it, or passes its refusal on. */
export function changeAccount<R>(
  accounts: Accounts,
  ref: AccountRef,
  change: (account: Account) => AccountStep<R> | Refused,
): Plan<R> {
  const account = findAccount(accounts, ref);
  if (account === null) return refused('There is no such account.');
  const step = change(account);
  if ('kind' in step) return step;
  const next = accounts.accounts.map((one) => (one === account ? step.account : one));
  const events = step.changes.map((what) => accountEvent(step.account, what));
  return { kind: 'change', accounts: { ...accounts, accounts: next }, events, result: step.result };
}

interface AccountStep<R> {
  readonly account: Account;
  /** What the audit log is told; nothing where only a counter moved. */
  readonly changes: readonly AccountChange[];
  readonly result: R;
}

export function accountEvent(account: Account, change: AccountChange): AccountEvent {
  const roles = change === 'created' || change === 'roles-set' ? { roles: [...account.roles] } : {};
  const personal = { account: account.name };
  return { kind: 'account-changed', accountId: account.id, change, ...roles, personal };
}
