/** A person's own account as a page. */
import { type Account, type ApiToken, MAX_TOKEN_DAYS, permissionsOf } from '@sallyport/accounts';
import { type Html, html } from '../html.ts';
import { checkbox, facts, field, form, notice, section, table, time } from '../pages/parts.ts';
import { en } from '../texts/en.ts';
import type { Session } from './sessions.ts';

const text = en.account;

export interface AccountPage {
  readonly account: Account;
  readonly tokens: readonly ApiToken[];
  readonly sessions: readonly Session[];
  readonly own: Session;
  readonly csrf: string;
  readonly fault?: string;
  /** The form that the fault is about; it stands there then. */
  readonly at?: 'password' | 'tokens';
}

export function accountBody(of: AccountPage): Html {
  const { account, fault, at } = of;
  const isLocal = account.oidc === null;
  return html`${fault === undefined || at !== undefined ? null : notice('bad', fault)}${
    isLocal && account.passkeys.length === 0 ? notice('warn', text.noPasskey) : null
  }${section(account.name, factsOf(account))}${
    isLocal ? [passkeySection(of), codesSection(of), passwordSection(of)] : null
  }${sessionSection(of)}${tokenSection(of)}`;
}

function factsOf(account: Account): Html {
  const { facts: names, roles } = text;
  return facts([
    [names.name, account.name],
    [names.roles, account.roles.map((role) => roles[role]).join(', ')],
    [names.since, time(account.createdAt)],
    [names.waysIn, waysIn(account)],
  ]);
}

/** In words, how somebody can sign in to an account. */
function waysIn(account: Account): string {
  const { facts: names } = text;
  const ways = [
    account.oidc === null ? [] : [names.provider],
    account.passwordHash === null ? [] : [names.password],
    account.passkeys.length === 0 ? [] : [names.passkeys(account.passkeys.length)],
    account.recoveryCodeHashes.length === 0 ? [] : [names.codes(account.recoveryCodeHashes.length)],
  ];
  return ways.flat().join(', ');
}

function passkeySection({ account, csrf }: AccountPage): Html {
  const { passkeys } = text;
  return section(
    passkeys.title,
    table({
      caption: passkeys.caption,
      empty: passkeys.empty,
      rows: account.passkeys,
      columns: [
        { title: passkeys.name, cell: ({ name }) => name },
        { title: passkeys.added, cell: ({ createdAt }) => time(createdAt), narrow: true },
        {
          title: passkeys.used,
          cell: ({ lastUsedAt }) => (lastUsedAt === null ? passkeys.never : time(lastUsedAt)),
          narrow: true,
        },
        {
          title: passkeys.actions,
          cell: ({ id, name }) => [
            form({
              action: '/account/passkeys/rename',
              csrf,
              submit: passkeys.rename,
              isInline: true,
              body: html`<input type="hidden" name="id" value="${id}"><input name="name" value="${name}" maxlength="64" required aria-label="${passkeys.newName(name)}">`,
            }),
            form({
              action: '/account/passkeys/remove',
              csrf,
              submit: passkeys.remove,
              isInline: true,
              danger: true,
              body: html`<input type="hidden" name="id" value="${id}">`,
            }),
          ],
        },
      ],
    }),
    html`<div class="passkey stacked" data-passkey="register" data-csrf="${csrf}" data-fault="${passkeys.fault}" hidden><p class="fault" role="alert" hidden></p>${field(
      {
        name: 'passkey-name',
        label: passkeys.addName,
        value: passkeys.standardName,
        maxLength: 64,
      },
    )}<button type="button" class="primary">${passkeys.add}</button></div><noscript><p>${passkeys.needsScript}</p></noscript>`,
  );
}

function codesSection({ account, csrf }: AccountPage): Html {
  const { codes } = text;
  return section(
    codes.title,
    html`<p>${codes.sentence(account.recoveryCodeHashes.length)}</p>`,
    form({ action: '/account/recovery-codes', csrf, submit: codes.make, isQuiet: true }),
  );
}

function passwordSection({ account, csrf, fault, at }: AccountPage): Html {
  const { password } = text;
  const input = (name: string, label: string, hint?: string): Html =>
    field({
      name,
      label,
      type: 'password',
      autocomplete: name === 'present' ? 'current-password' : 'new-password',
      required: true,
      ...(hint === undefined ? {} : { hint }),
      fault: name === 'present' && at === 'password' ? fault : undefined,
    });
  const body = [
    html`<input type="hidden" name="username" autocomplete="username" value="${account.name}">`,
    input('present', password.present),
    input('next', password.next, password.hint),
    input('again', password.again),
  ];
  return section(
    password.title,
    form({ action: '/account/password', csrf, submit: password.submit, body }),
  );
}

function sessionSection({ sessions, own, csrf }: AccountPage): Html {
  const { sessions: words } = text;
  return section(
    words.title,
    table({
      caption: words.caption,
      empty: words.empty,
      rows: sessions,
      columns: [
        { title: words.browser, cell: ({ agent }) => browserOf(agent) },
        { title: words.from, cell: ({ address }) => address },
        { title: words.since, cell: ({ signedInAt }) => time(signedInAt), narrow: true },
        { title: words.seen, cell: ({ lastSeenAt }) => time(lastSeenAt), narrow: true },
        {
          title: words.action,
          cell: ({ id }) =>
            id === own.id
              ? words.thisOne
              : form({
                  action: '/account/sessions/end',
                  csrf,
                  submit: words.end,
                  isInline: true,
                  isQuiet: true,
                  body: html`<input type="hidden" name="id" value="${id}">`,
                }),
        },
      ],
    }),
    form({ action: '/account/sessions/end-all', csrf, submit: words.endAll, danger: true }),
  );
}

const BROWSERS = [
  ['Edge', /Edg\/(\d+)/],
  ['Firefox', /Firefox\/(\d+)/],
  ['Chrome', /Chrome\/(\d+)/],
  ['Safari', /Version\/(\d+).* Safari/],
] as const;
const SYSTEMS = ['Windows', 'Android', 'iPhone', 'iPad', 'Mac OS X', 'CrOS', 'Linux'] as const;

/** What a browser says of itself, as people would; as it says it where that is unknown. */
function browserOf(agent: string): string {
  const system = SYSTEMS.find((one) => agent.includes(one));
  for (const [name, pattern] of BROWSERS) {
    const version = pattern.exec(agent)?.[1];
    if (version !== undefined) return [`${name} ${version}`, system ?? []].flat().join(', ');
  }
  return agent;
}

function tokenSection({ account, tokens, csrf, fault, at }: AccountPage): Html {
  const { tokens: words } = text;
  const scopes = [...permissionsOf(account.roles)].map((scope) =>
    checkbox({
      name: 'scope',
      value: scope,
      label: html`<code>${scope}</code> ${words.scopeWords[scope]}`,
    }),
  );
  return section(
    words.title,
    table({
      caption: words.caption,
      empty: words.empty,
      rows: tokens,
      columns: [
        { title: words.name, cell: ({ name }) => name },
        { title: words.scopes, cell: (one) => one.scopes.join(', ') },
        { title: words.ends, cell: ({ expiresAt }) => time(expiresAt), narrow: true },
        { title: words.used, cell: ({ lastUsedOn }) => lastUsedOn ?? words.never, narrow: true },
        {
          title: words.action,
          cell: ({ id }) =>
            form({
              action: '/account/tokens/revoke',
              csrf,
              submit: words.revoke,
              isInline: true,
              danger: true,
              body: html`<input type="hidden" name="id" value="${id}">`,
            }),
        },
      ],
    }),
    form({
      action: '/account/tokens',
      csrf,
      submit: words.create,
      body: [
        fault !== undefined && at === 'tokens' ? notice('bad', fault) : null,
        field({ name: 'token-name', label: words.name, maxLength: 64, required: true }),
        field({
          name: 'days',
          label: words.days,
          type: 'number',
          value: '90',
          hint: words.daysHint(MAX_TOKEN_DAYS),
          required: true,
        }),
        html`<fieldset><legend>${words.scopes}</legend><div class="columns">${scopes}</div></fieldset>`,
      ],
    }),
  );
}
