import {
  type Account,
  addAccount,
  type Invitation,
  makeLink,
  type Role,
  setDisabled,
  setRoles,
} from '@sallyport/accounts';
import { type AccountOptions, changeAccounts, linkOf, openAccounts } from './account-session.ts';
import type { Gateway } from './gateway-access.ts';
import { print, printJson, printTable } from './output.ts';

export interface RoleOptions extends AccountOptions {
  readonly role: readonly Role[];
}

/** Makes an account and prints the link that its holder sets it up with. */
export async function runAccountAdd(name: string, options: RoleOptions): Promise<number> {
  const order = { name, roles: options.role, now: new Date() };
  const { gateway, result } = await changeAccounts(options, (all) => addAccount(all, order));
  tellLink(gateway, result, options);
  return 0;
}

/** Prints a new link for an account; the one before ends. */
export async function runAccountLink(name: string, options: AccountOptions): Promise<number> {
  const { gateway, result } = await changeAccounts(options, (all) =>
    makeLink(all, { name }, new Date()),
  );
  tellLink(gateway, result, options);
  return 0;
}

function tellLink(
  gateway: Gateway,
  { account, linkSecret, expiresAt }: Invitation,
  { json }: AccountOptions,
): void {
  const link = linkOf(gateway, linkSecret);
  if (json === true) {
    printJson({ ...factsOf(account), link, linkExpiresAt: expiresAt });
    return;
  }
  print(`Give ${account.name} this link on a way that nobody else reads. It works once,`);
  print(`until ${expiresAt}, and is shown this once:`);
  print(link);
}

/** Prints who can use the console. */
export async function runAccountList(options: AccountOptions): Promise<number> {
  const { accounts } = await (await openAccounts(options)).store.read();
  if (options.json === true) {
    for (const account of accounts) printJson(factsOf(account));
    return 0;
  }
  if (accounts.length === 0) {
    print('There is no account: sallyport account add NAME --role security-admin');
    return 0;
  }
  printTable(
    accounts.map((account) => {
      const { name, roles, state, signsInWith } = factsOf(account);
      return [name, state, roles.join(','), signsInWith.join(', ')];
    }),
  );
  return 0;
}

/** The facts of an account as commands print them: no hash of anything. */
function factsOf(account: Account) {
  const { id, name, roles, disabled, createdAt, oidc, passkeys } = account;
  const ways = [
    oidc === null ? [] : ['provider'],
    account.passwordHash === null ? [] : ['password'],
    passkeys.length === 0 ? [] : [`passkeys: ${passkeys.length}`],
  ].flat();
  const isInvited = ways.length === 0;
  const state = disabled ? 'disabled' : isInvited ? 'invited' : 'active';
  return { id, name, roles, state, signsInWith: ways, createdAt };
}

/** Lets nobody sign in to an account, or lets them again; what is signed in ends. */
export async function runAccountDisable(
  name: string,
  options: AccountOptions & { readonly order: 'disable' | 'enable' },
): Promise<number> {
  const { order } = options;
  const { result } = await changeAccounts(options, (all) => setDisabled(all, { name }, order));
  if (options.json === true) printJson(factsOf(result));
  else print(`The account ${name} is ${order}d.`);
  return 0;
}

/** Gives an account other roles. */
export async function runAccountRoles(name: string, options: RoleOptions): Promise<number> {
  const { result } = await changeAccounts(options, (all) => setRoles(all, { name }, options.role));
  if (options.json === true) printJson(factsOf(result));
  else print(`The account ${name} is ${result.roles.join(', ')} now.`);
  return 0;
}
