import { ROLES, type Role } from '@sallyport/accounts';
import type { AccountRow, Invited, TokenRow } from '../desk/accounts.ts';
import type { Refused } from '../desk/refused.ts';
import { type Html, html } from '../html.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import {
  badge,
  checkbox,
  copyBlock,
  facts,
  field,
  form,
  notice,
  section,
  type Tone,
  table,
  time,
} from './parts.ts';

const PATH = '/accounts';
const ONE = `${PATH}/:id`;
/** All of it asks for a sign-in of a short while ago. */
const common = { permission: 'account.change', freshFor: PATH } as const;

const TONES: Readonly<Record<AccountRow['state'], Tone>> = {
  active: 'good',
  invited: 'warn',
  disabled: 'plain',
};

const list: Page = {
  method: 'GET',
  path: PATH,
  permission: 'account.change',
  answer: async (request) => await showList(request),
};

async function showList(request: PageRequest, fault?: Refused): Promise<PageAnswer> {
  const { desk, text, csrf, actor, form: sent } = request;
  const words = text.accounts;
  const rows = table({
    caption: words.caption,
    empty: words.empty,
    rows: await desk.accounts.list(),
    columns: [
      {
        title: words.name,
        cell: ({ id, name }) => [
          html`<a href="${PATH}/${id}">${name}</a>`,
          id === actor.accountId ? ` (${words.you})` : null,
        ],
      },
      { title: words.roles, cell: (row) => rolesOf(row, request) },
      { title: words.state, cell: ({ state }) => badge(TONES[state], words.states[state]) },
      { title: words.ways, cell: (row) => waysOf(row, request) },
      { title: words.created, cell: ({ createdAt }) => time(createdAt), narrow: true },
    ],
  });
  const invite = section(
    words.add.title,
    fault === undefined ? null : notice('bad', fault.sentence),
    form({
      action: PATH,
      csrf,
      submit: words.add.submit,
      body: [
        field({
          name: 'name',
          label: words.add.name,
          hint: words.add.hint,
          value: sent.get('name') ?? '',
          maxLength: 64,
          required: true,
          autocomplete: 'off',
        }),
        roleBoxes(request, sent.getAll('role')),
      ],
    }),
  );
  return {
    kind: 'page',
    title: words.title,
    status: fault === undefined ? 200 : 409,
    body: html`${fault === undefined ? [rows, invite] : [invite, rows]}`,
  };
}

function rolesOf({ roles }: AccountRow, { text }: PageRequest): string {
  return roles.map((role) => text.account.roles[role]).join(', ');
}

function waysOf({ signsInWith }: AccountRow, { text }: PageRequest): string {
  const { signsIn } = text.accounts;
  return signsInWith.length === 0
    ? signsIn.none
    : signsInWith.map((way) => signsIn[way]).join(', ');
}

function roleBoxes({ text }: PageRequest, chosen: readonly string[]): Html {
  const boxes = ROLES.map((role) =>
    checkbox({
      name: 'role',
      value: role,
      label: text.account.roles[role],
      isChecked: chosen.includes(role),
    }),
  );
  return html`<fieldset><legend>${text.accounts.roles}</legend>${boxes}</fieldset>`;
}

function chosenRoles({ form: sent }: PageRequest): Role[] {
  const asked = sent.getAll('role');
  return ROLES.filter((role) => asked.includes(role));
}

const add: Page = {
  method: 'POST',
  path: PATH,
  ...common,
  answer: async (request) => {
    const { desk, actor, form: sent } = request;
    const name = (sent.get('name') ?? '').trim();
    const added = await desk.accounts.add(actor, { name, roles: chosenRoles(request) });
    return added.kind === 'refused' ? await showList(request, added) : showLink(added, request);
  },
};

function showLink({ account, link, until }: Invited, { text }: PageRequest): PageAnswer {
  const words = text.accounts.link;
  const back = html`<p><a href="${PATH}/${account.id}">${words.done}</a></p>`;
  const body = html`${notice('warn', html`${words.sentence(account.name)} ${time(until)}.`)}${copyBlock(link, text)}${back}`;
  return { kind: 'page', title: words.title, body };
}

const one: Page = {
  method: 'GET',
  path: ONE,
  permission: 'account.change',
  answer: async (request) => await showOne(request),
};

async function showOne(request: PageRequest, fault?: Refused): Promise<PageAnswer> {
  const { desk, params, text } = request;
  const found = await desk.accounts.one(params['id'] ?? '');
  if (found.kind === 'unknown-id') return { kind: 'not-found' };
  const { account, tokens } = found;
  const words = text.accounts;
  const body = html`${fault === undefined ? null : notice('bad', fault.sentence)}${section(
    words.one.title,
    facts([
      [words.roles, rolesOf(account, request)],
      [words.state, badge(TONES[account.state], words.states[account.state])],
      [words.ways, waysOf(account, request)],
      [words.created, time(account.createdAt)],
    ]),
    changesOf(account, request),
  )}${tokensOf(tokens, request)}<p><a href="${PATH}">${words.one.back}</a></p>`;
  return { kind: 'page', title: account.name, status: fault === undefined ? 200 : 409, body };
}

function changesOf(account: AccountRow, request: PageRequest): Html {
  const { csrf, actor, text } = request;
  const words = text.accounts.one;
  if (account.id === actor.accountId) return html`<p>${words.own}</p>`;
  const isOfProvider = account.signsInWith.includes('provider');
  const at = (verb: string): string => `${PATH}/${account.id}/${verb}`;
  const isDisabled = account.state === 'disabled';
  const roles = form({
    action: at('roles'),
    csrf,
    submit: words.setRoles,
    body: roleBoxes(request, account.roles),
  });
  const link = html`<p>${words.linkHint}</p>${form({ action: at('link'), csrf, submit: words.link, isQuiet: true })}`;
  return html`${isOfProvider ? html`<p>${words.provider}</p>` : roles}${
    isOfProvider || isDisabled ? null : link
  }${form({
    action: at(isDisabled ? 'enable' : 'disable'),
    csrf,
    submit: isDisabled ? words.enable : words.disable,
    danger: !isDisabled,
  })}`;
}

function tokensOf(tokens: readonly TokenRow[], { csrf, text }: PageRequest): Html {
  const { tokens: words } = text.account;
  return section(
    text.accounts.one.tokens,
    table({
      caption: text.accounts.one.tokens,
      empty: words.empty,
      rows: tokens,
      columns: [
        { title: words.name, cell: ({ name }) => name },
        { title: words.scopes, cell: ({ scopes }) => scopes.join(', ') },
        { title: words.ends, cell: ({ expiresAt }) => time(expiresAt), narrow: true },
        { title: words.used, cell: ({ lastUsedOn }) => lastUsedOn ?? words.never, narrow: true },
        {
          title: words.action,
          cell: ({ id }) =>
            form({
              action: `${PATH}/tokens/revoke`,
              csrf,
              submit: words.revoke,
              isInline: true,
              danger: true,
              body: html`<input type="hidden" name="id" value="${id}">`,
            }),
        },
      ],
    }),
  );
}

const link: Page = {
  method: 'POST',
  path: `${PATH}/:id/link`,
  ...common,
  freshFor: ONE,
  answer: async (request) => {
    const { desk, actor, params } = request;
    const made = await desk.accounts.link(actor, params['id'] ?? '');
    if (made.kind === 'invited') return showLink(made, request);
    return made.kind === 'refused' ? await showOne(request, made) : { kind: 'not-found' };
  },
};

const roles: Page = {
  method: 'POST',
  path: `${PATH}/:id/roles`,
  ...common,
  freshFor: ONE,
  answer: async (request) => {
    const order = { id: request.params['id'] ?? '', roles: chosenRoles(request) };
    const set = await request.desk.accounts.setRoles(request.actor, order);
    return await changed(set, request);
  },
};

function disabling(verb: 'disable' | 'enable'): Page {
  return {
    method: 'POST',
    path: `${PATH}/:id/${verb}`,
    ...common,
    freshFor: ONE,
    answer: async (request) => {
      const order = { id: request.params['id'] ?? '', verb };
      return await changed(await request.desk.accounts.setDisabled(request.actor, order), request);
    },
  };
}

async function changed(
  outcome: Awaited<ReturnType<PageRequest['desk']['accounts']['setRoles']>>,
  request: PageRequest,
): Promise<PageAnswer> {
  if (outcome.kind === 'refused') return await showOne(request, outcome);
  if (outcome.kind === 'unknown-id') return { kind: 'not-found' };
  return { kind: 'redirect', to: `${PATH}/${outcome.account.id}`, notice: 'saved' };
}

const revoke: Page = {
  method: 'POST',
  path: `${PATH}/tokens/revoke`,
  ...common,
  answer: async ({ desk, actor, form: sent }) => {
    const revoked = await desk.accounts.revokeToken(actor, sent.get('id') ?? '');
    if (revoked.kind === 'unknown-id') return { kind: 'not-found' };
    return { kind: 'redirect', to: `${PATH}/${revoked.accountId}`, notice: 'saved' };
  },
};

export const accountPages: readonly Page[] = [
  list,
  add,
  one,
  link,
  roles,
  disabling('disable'),
  disabling('enable'),
  revoke,
];
