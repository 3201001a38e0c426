/** What people do to their own ways of signing in. */
import {
  type Account,
  type Accounts,
  MAX_PASSKEYS,
  type Passkey,
  RECOVERY_CODES,
  tokenName,
} from './document.ts';
import { type AccountRef, changeAccount, type Plan, refused } from './plan.ts';
import { hashSecret, hashTypedCode, newRecoveryCode, sameHash } from './secrets.ts';

/** Whose link this is; null if it is nobody's, was used, or is too old. */
export function accountOfLink(accounts: Accounts, secret: string, now: Date): Account | null {
  const hash = hashSecret(secret);
  const found = accounts.accounts.find((one) => one.link !== null && sameHash(one.link.hash, hash));
  if (found?.link == null || found.disabled) return null;
  return Date.parse(found.link.expiresAt) > now.getTime() ? found : null;
}

/**
 * Sets an account up with a password. The link is used up by it. Passkeys and recovery codes of
 * before go: a link is what somebody gets who lost control of them.
 */
export function useLink(
  accounts: Accounts,
  order: { readonly secret: string; readonly passwordHash: string; readonly now: Date },
): Plan<Account> {
  const owner = accountOfLink(accounts, order.secret, order.now);
  if (owner === null) return refused('This link was used already or is too old.');
  return changeAccount(accounts, { id: owner.id }, (account) => {
    const next = {
      ...account,
      passwordHash: order.passwordHash,
      passkeys: [],
      recoveryCodeHashes: [],
      link: null,
      epoch: account.epoch + 1,
    };
    return { account: next, changes: ['link-used', 'password-set'], result: next };
  });
}

/** A new password; whatever else is signed in ends. */
export function setPassword(
  accounts: Accounts,
  ref: AccountRef,
  passwordHash: string,
): Plan<Account> {
  return changeAccount(accounts, ref, (account) => {
    const next = { ...account, passwordHash, link: null, epoch: account.epoch + 1 };
    return { account: next, changes: ['password-set'], result: next };
  });
}

/** Registers a passkey with an account; one that anybody has already, or one too many, is refused. */
export function addPasskey(accounts: Accounts, ref: AccountRef, passkey: Passkey): Plan<Account> {
  const isTaken = accounts.accounts.some((one) => one.passkeys.some(({ id }) => id === passkey.id));
  if (isTaken) return refused('This passkey is registered already.');
  return changeAccount(accounts, ref, (account) => {
    if (account.passkeys.length >= MAX_PASSKEYS) {
      return refused(`An account has at most ${MAX_PASSKEYS} passkeys: remove one first.`);
    }
    const next = { ...account, passkeys: [...account.passkeys, passkey] };
    return { account: next, changes: ['passkey-added'], result: next };
  });
}

/** Takes a passkey away. The sessions that it may have opened end with it. */
export function removePasskey(accounts: Accounts, ref: AccountRef, id: string): Plan<Account> {
  return changeAccount(accounts, ref, (account) => {
    const passkeys = account.passkeys.filter((one) => one.id !== id);
    if (passkeys.length === account.passkeys.length) return refused('There is no such passkey.');
    if (passkeys.length === 0 && account.passwordHash === null) {
      return refused('This is the only way to sign in to the account: set a password first.');
    }
    const next = { ...account, passkeys, epoch: account.epoch + 1 };
    return { account: next, changes: ['passkey-removed'], result: next };
  });
}

/** Gives a passkey another name, of 1 to 64 characters; for people alone. */
export function renamePasskey(
  accounts: Accounts,
  ref: AccountRef,
  order: { readonly id: string; readonly name: string },
): Plan<Account> {
  const name = order.name.trim();
  if (!tokenName.safeParse(name).success) return refused('A name has 1 to 64 characters.');
  return changeAccount(accounts, ref, (account) => {
    if (!account.passkeys.some(({ id }) => id === order.id)) {
      return refused('There is no such passkey.');
    }
    const rename = (one: Passkey): Passkey => (one.id === order.id ? { ...one, name } : one);
    const next = { ...account, passkeys: account.passkeys.map(rename) };
    return { account: next, changes: ['passkey-renamed'], result: next };
  });
}

/** Notes that a passkey was used. A counter that does not go up is one of a copied authenticator. */
export function notePasskeyUse(
  accounts: Accounts,
  ref: AccountRef,
  use: { readonly id: string; readonly counter: number; readonly now: Date },
): Plan<Account> {
  return changeAccount(accounts, ref, (account) => {
    const known = account.passkeys.find(({ id }) => id === use.id);
    if (known === undefined || account.disabled) return refused('There is no such passkey.');
    const counts = known.counter > 0 || use.counter > 0;
    if (counts && use.counter <= known.counter)
      return refused('There may be a copy of this passkey.');
    const used = { ...known, counter: use.counter, lastUsedAt: use.now.toISOString() };
    const passkeys = account.passkeys.map((one) => (one === known ? used : one));
    const next = { ...account, passkeys };
    return { account: next, changes: [], result: next };
  });
}

/** New recovery codes, to be shown once; those of before are worth nothing. */
export function renewRecoveryCodes(accounts: Accounts, ref: AccountRef): Plan<readonly string[]> {
  const codes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode);
  return changeAccount(accounts, ref, (account) => ({
    account: { ...account, recoveryCodeHashes: codes.map(({ hash }) => hash) },
    changes: ['recovery-codes-made'],
    result: codes.map(({ secret }) => secret),
  }));
}

/** Uses a recovery code up. */
export function useRecoveryCode(accounts: Accounts, ref: AccountRef, typed: string): Plan<Account> {
  const hash = hashTypedCode(typed);
  return changeAccount(accounts, ref, (account) => {
    const left = account.recoveryCodeHashes.filter((one) => !sameHash(one, hash));
    if (left.length === account.recoveryCodeHashes.length) {
      return refused('This is no recovery code of the account, or it was used already.');
    }
    const next = { ...account, recoveryCodeHashes: left };
    return { account: next, changes: ['recovery-code-used'], result: next };
  });
}

/** Ends everything that is signed in to an account. */
export function endSessions(accounts: Accounts, ref: AccountRef): Plan<Account> {
  return changeAccount(accounts, ref, (account) => {
    const next = { ...account, epoch: account.epoch + 1 };
    return { account: next, changes: ['sessions-ended'], result: next };
  });
}
