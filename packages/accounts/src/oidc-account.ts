import { emptyAccount } from './administer.ts';
import { type Account, type Accounts, accountName, MAX_ACCOUNTS } from './document.ts';
import { accountEvent, changeAccount, type Plan, refused } from './plan.ts';
import type { Role } from './roles.ts';

/** Who the OpenID provider says has signed in. */
export interface OidcPerson {
  readonly issuer: string;
  readonly subject: string;
  /** What they would like to be called; a stranger's text. */
  readonly preferredName: string;
  readonly roles: readonly Role[];
}

/**
 * The account of somebody who signed in at the OpenID provider: made at the first time, with the
 * roles that it has now. Issuer and subject alone say who it is; a mail address or a name at the
 * provider can come to belong to somebody else.
 */
export function admitOidcPerson(
  accounts: Accounts,
  person: OidcPerson & { readonly now: Date },
): Plan<Account> {
  const { issuer, subject, roles, now } = person;
  if (roles.length === 0) return refused('None of your roles at the provider has a part here.');
  const known = accounts.accounts.find(
    ({ oidc }) => oidc?.issuer === issuer && oidc.subject === subject,
  );
  if (known !== undefined) return withRoles(accounts, known, roles);
  if (accounts.accounts.length >= MAX_ACCOUNTS) return refused('There are too many accounts.');
  const oidc = { issuer, subject };
  const base = emptyAccount({ name: 'x', roles, now });
  const name = freeName(accounts, person.preferredName, base.id);
  const account: Account = { ...base, name, oidc };
  return {
    kind: 'change',
    accounts: { ...accounts, accounts: [...accounts.accounts, account] },
    events: [accountEvent(account, 'created')],
    result: account,
  };
}

function withRoles(accounts: Accounts, known: Account, roles: readonly Role[]): Plan<Account> {
  if (known.disabled) return refused('The account is disabled.');
  const same =
    roles.length === known.roles.length && roles.every((one) => known.roles.includes(one));
  return changeAccount(accounts, { id: known.id }, (account) => {
    const next = { ...account, roles: [...new Set(roles)] };
    return { account: next, changes: same ? [] : ['roles-set'], result: next };
  });
}

/** The name they like if it is a name here and nobody else has it; else one that only they can have. */
function freeName(accounts: Accounts, preferred: string, id: string): string {
  const plain = preferred.toLowerCase().slice(0, 48);
  const name = accountName.safeParse(plain).success ? plain : 'person';
  const isTaken = accounts.accounts.some((one) => one.name === name);
  return isTaken || name === 'person' ? `${name}-${id.slice(0, 12)}` : name;
}
