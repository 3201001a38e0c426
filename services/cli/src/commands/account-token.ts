import {
  type ApiToken,
  createToken,
  findAccount,
  type Permission,
  permissionsOf,
  revokeToken,
} from '@sallyport/accounts';
import { type AccountOptions, changeAccounts, openAccounts } from './account-session.ts';
import { print, printJson, printTable } from './output.ts';
import { Complaint } from './run.ts';

export interface TokenCreateOptions extends AccountOptions {
  readonly name: string;
  readonly scope?: readonly Permission[];
  readonly days: string;
}

/** Makes a token of an account and prints its secret, once. */
export async function runTokenCreate(
  account: string,
  options: TokenCreateOptions,
): Promise<number> {
  const { store } = await openAccounts(options);
  const found = findAccount(await store.read(), { name: account });
  if (found === null) throw new Complaint(`There is no account ${account}.`);
  const order = {
    name: options.name,
    scopes: options.scope ?? [...permissionsOf(found.roles)],
    days: Number(options.days),
    now: new Date(),
  };
  const { result } = await changeAccounts(options, (all) =>
    createToken(all, { name: account }, order),
  );
  const { token, secret } = result;
  if (options.json === true) printJson({ ...factsOf(token), account, token: secret });
  else {
    print(`This token of ${account} works until ${token.expiresAt} and is shown this once:`);
    print(secret);
  }
  return 0;
}

/** Prints the tokens of an account, or all of them. */
export async function runTokenList(
  account: string | undefined,
  options: AccountOptions,
): Promise<number> {
  const { store } = await openAccounts(options);
  const accounts = await store.read();
  const rows = accounts.tokens.flatMap((token) => {
    const owner = findAccount(accounts, { id: token.accountId })?.name ?? '';
    return account === undefined || owner === account ? [{ token, owner }] : [];
  });
  if (options.json === true) {
    for (const { token, owner } of rows) printJson({ ...factsOf(token), account: owner });
    return 0;
  }
  printTable(
    rows.map(({ token, owner }) => {
      const { id, name, scopes, expiresAt, lastUsedOn } = token;
      const used = lastUsedOn ?? 'never used';
      return [id, owner, name, expiresAt.slice(0, 10), used, scopes.join(',')];
    }),
  );
  return 0;
}

function factsOf({ id, name, scopes, createdAt, expiresAt, lastUsedOn }: ApiToken) {
  return { id, name, scopes, createdAt, expiresAt, lastUsedOn };
}

/** Takes a token away; its next call is refused. */
export async function runTokenRevoke(id: string, options: AccountOptions): Promise<number> {
  const { result } = await changeAccounts(options, (all) => revokeToken(all, id));
  if (options.json === true) printJson(factsOf(result));
  else print(`The token ${result.name} works no more.`);
  return 0;
}
