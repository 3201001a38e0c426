/** Looking after who may use the console. */
import {
  type Account,
  AccountStore,
  type Accounts,
  type ApiToken,
  addAccount,
  findAccount,
  type Invitation,
  linkAddress,
  makeLink,
  type Plan,
  type Role,
  revokeToken,
  setDisabled,
  setRoles,
} from '@sallyport/accounts';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import type { Refused } from './refused.ts';

/** What others may know of an account: nothing that it is signed in to with. */
export interface AccountRow {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly state: 'active' | 'invited' | 'disabled';
  readonly signsInWith: readonly ('password' | 'passkey' | 'provider')[];
  readonly createdAt: string;
}

/** A token without its secret. */
export type TokenRow = Omit<ApiToken, 'hash'>;

/** An account and the link that sets it up: shown once, kept nowhere. */
export interface Invited {
  readonly kind: 'invited';
  readonly account: AccountRow;
  readonly link: string;
  readonly until: string;
}

type Unknown = { readonly kind: 'unknown-id' };
type Done = { readonly kind: 'done'; readonly account: AccountRow };

export interface AccountsDesk {
  list(): Promise<readonly AccountRow[]>;
  one(id: string): Promise<
    | {
        readonly kind: 'account';
        readonly account: AccountRow;
        readonly tokens: readonly TokenRow[];
      }
    | Unknown
  >;
  add(
    actor: Actor,
    order: { readonly name: string; readonly roles: readonly Role[] },
  ): Promise<Invited | Refused>;
  link(actor: Actor, id: string): Promise<Invited | Refused | Unknown>;
  /** Nobody changes their own. */
  setRoles(
    actor: Actor,
    order: { readonly id: string; readonly roles: readonly Role[] },
  ): Promise<Done | Refused | Unknown>;
  setDisabled(
    actor: Actor,
    order: { readonly id: string; readonly verb: 'disable' | 'enable' },
  ): Promise<Done | Refused | Unknown>;
  revokeToken(
    actor: Actor,
    tokenId: string,
  ): Promise<{ readonly kind: 'revoked'; readonly accountId: string } | Unknown>;
}

const OWN = 'Nobody changes their own roles or disables themselves: another security admin must.';

/** The operations on accounts, over the same file as signing in and the command line. */
export function createAccountsDesk(ports: DeskPorts): AccountsDesk {
  const store = new AccountStore(ports.options.folders.accounts);
  const change = async <R>(actor: Actor, plan: (all: Accounts) => Plan<R>) =>
    await store.change(plan, async (event) => {
      await ports.record({ ...event, personal: { ...event.personal, by: actor.name } });
    });
  const isKnown = async (id: string): Promise<boolean> =>
    findAccount(await store.read(), { id }) !== null;
  const invited = ({ account, linkSecret, expiresAt }: Invitation): Invited => ({
    kind: 'invited',
    account: rowOf(account),
    link: linkAddress(ports.options.publicUrl, linkSecret),
    until: expiresAt,
  });
  return {
    list: async () => (await store.read()).accounts.map(rowOf),
    one: async (id) => {
      const accounts = await store.read();
      const account = findAccount(accounts, { id });
      if (account === null) return { kind: 'unknown-id' };
      const tokens = accounts.tokens.filter((one) => one.accountId === id).map(withoutHash);
      return { kind: 'account', account: rowOf(account), tokens };
    },
    add: async (actor, order) => {
      const now = ports.clock.now();
      const added = await change(actor, (all) => addAccount(all, { ...order, now }));
      return added.kind === 'refused' ? added : invited(added.result);
    },
    link: async (actor, id) => {
      if (!(await isKnown(id))) return { kind: 'unknown-id' };
      const made = await change(actor, (all) => makeLink(all, { id }, ports.clock.now()));
      return made.kind === 'refused' ? made : invited(made.result);
    },
    setRoles: async (actor, { id, roles }) => {
      if (!(await isKnown(id))) return { kind: 'unknown-id' };
      if (id === actor.accountId) return { kind: 'refused', sentence: OWN };
      const set = await change(actor, (all) => setRoles(all, { id }, roles));
      return set.kind === 'refused' ? set : { kind: 'done', account: rowOf(set.result) };
    },
    setDisabled: async (actor, { id, verb }) => {
      if (!(await isKnown(id))) return { kind: 'unknown-id' };
      if (id === actor.accountId) return { kind: 'refused', sentence: OWN };
      const set = await change(actor, (all) => setDisabled(all, { id }, verb));
      return set.kind === 'refused' ? set : { kind: 'done', account: rowOf(set.result) };
    },
    revokeToken: async (actor, tokenId) => {
      const revoked = await change(actor, (all) => revokeToken(all, tokenId));
      if (revoked.kind === 'refused') return { kind: 'unknown-id' };
      return { kind: 'revoked', accountId: revoked.result.accountId };
    },
  };
}

function rowOf(account: Account): AccountRow {
  const { id, name, roles, disabled, createdAt } = account;
  const signsInWith = [
    account.oidc === null ? [] : ['provider' as const],
    account.passwordHash === null ? [] : ['password' as const],
    account.passkeys.length === 0 ? [] : ['passkey' as const],
  ].flat();
  const state = disabled ? 'disabled' : signsInWith.length === 0 ? 'invited' : 'active';
  return { id, name, roles, state, signsInWith, createdAt };
}

function withoutHash({ hash: _, ...token }: ApiToken): TokenRow {
  return token;
}
