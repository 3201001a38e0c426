/** What is done to accounts by those who look after them. */
import { type Account, type Accounts, accountName, MAX_ACCOUNTS } from './document.ts';
import { type AccountRef, accountEvent, changeAccount, type Plan, refused } from './plan.ts';
import type { Role } from './roles.ts';
import { newId, newLinkSecret } from './secrets.ts';

const LINK_LIFE_MS = 24 * 60 * 60 * 1_000;

/** An account and the link that its holder sets it up with: shown once, kept nowhere. */
export interface Invitation {
  readonly account: Account;
  readonly linkSecret: string;
  readonly expiresAt: string;
}

/** A new account; nobody can sign in to it before its link was used. */
export function addAccount(
  accounts: Accounts,
  order: { readonly name: string; readonly roles: readonly Role[]; readonly now: Date },
): Plan<Invitation> {
  const { name, roles, now } = order;
  if (!accountName.safeParse(name).success) {
    return refused(
      'An account name has up to 64 small letters and digits, parted by . _ @ or -, and begins with a letter.',
    );
  }
  if (roles.length === 0) return refused('An account has at least one role.');
  if (accounts.accounts.some((one) => one.name === name)) {
    return refused(`There is an account ${name} already.`);
  }
  if (accounts.accounts.length >= MAX_ACCOUNTS) return refused('There are too many accounts.');
  const { secret, link } = newLink(now);
  const account: Account = { ...emptyAccount({ name, roles, now }), link };
  return {
    kind: 'change',
    accounts: { ...accounts, accounts: [...accounts.accounts, account] },
    events: [accountEvent(account, 'created'), accountEvent(account, 'link-made')],
    result: { account, linkSecret: secret, expiresAt: link.expiresAt },
  };
}

/** An account that nothing can sign in to. */
export function emptyAccount(facts: {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly now: Date;
}): Account {
  return {
    id: newId(),
    name: facts.name,
    roles: [...new Set(facts.roles)],
    passwordHash: null,
    passkeys: [],
    recoveryCodeHashes: [],
    oidc: null,
    link: null,
    disabled: false,
    epoch: 0,
    createdAt: facts.now.toISOString(),
  };
}

function newLink(now: Date) {
  const { secret, hash } = newLinkSecret();
  const expiresAt = new Date(now.getTime() + LINK_LIFE_MS).toISOString();
  return { secret, link: { hash, expiresAt } };
}

/** A new link for somebody who lost the first one, or the ways to sign in; it ends the one before. */
export function makeLink(accounts: Accounts, ref: AccountRef, now: Date): Plan<Invitation> {
  return changeAccount(accounts, ref, (account) => {
    if (account.oidc !== null)
      return refused('Who signs in through the OpenID provider needs no link.');
    if (account.disabled) return refused('The account is disabled: enable it first.');
    const { secret, link } = newLink(now);
    const next = { ...account, link };
    const result = { account: next, linkSecret: secret, expiresAt: link.expiresAt };
    return { account: next, changes: ['link-made'], result };
  });
}

/** Gives an account other roles. Nobody can take the last security admin away. */
export function setRoles(
  accounts: Accounts,
  ref: AccountRef,
  roles: readonly Role[],
): Plan<Account> {
  const plan = changeAccount(accounts, ref, (account) => {
    if (roles.length === 0) return refused('An account has at least one role.');
    if (account.oidc !== null)
      return refused('The OpenID provider says which roles this account has.');
    const next = { ...account, roles: [...new Set(roles)] };
    return { account: next, changes: ['roles-set'], result: next };
  });
  return keepAnAdmin(accounts, plan);
}

/** Lets nobody sign in to an account, and ends what is signed in; or lets them again. */
export function setDisabled(
  accounts: Accounts,
  ref: AccountRef,
  order: 'disable' | 'enable',
): Plan<Account> {
  const disabled = order === 'disable';
  const plan = changeAccount(accounts, ref, (account) => {
    if (account.disabled === disabled) {
      return refused(`The account is ${disabled ? 'disabled' : 'enabled'} already.`);
    }
    const next = { ...account, disabled, link: null, epoch: account.epoch + 1 };
    return { account: next, changes: [disabled ? 'disabled' : 'enabled'], result: next };
  });
  return keepAnAdmin(accounts, plan);
}

function keepAnAdmin<R>(before: Accounts, plan: Plan<R>): Plan<R> {
  if (plan.kind === 'refused' || hasAdmin(plan.accounts) || !hasAdmin(before)) return plan;
  return refused('This is the last security admin: give somebody else that role first.');
}

function hasAdmin({ accounts }: Accounts): boolean {
  return accounts.some((one) => !one.disabled && one.roles.includes('security-admin'));
}
