import type { PartnerRow } from '../desk/partner-facts.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { lastMailCell, partnerPath, troubleList } from './partner-parts.ts';
import { badge, field, searchForm, type Tone, table } from './parts.ts';

const PAGE_SIZE = 50;
const MAX_TEXT_CHARS = 255;

async function list({ desk, query, text, actor }: PageRequest): Promise<PageAnswer> {
  const { partners } = text;
  const wanted = (query.get('q') ?? '').slice(0, MAX_TEXT_CHARS);
  const from = Number(/^\d{1,5}$/.exec(query.get('from') ?? '')?.[0] ?? 0);
  const found = await desk.partners.list({ text: wanted, from, limit: PAGE_SIZE });
  const next =
    found.next === null
      ? null
      : html`<nav class="pager"><a rel="next" href="/partners?${new URLSearchParams({ q: wanted, from: String(found.next) }).toString()}">${partners.more}</a></nav>`;
  const add = actor.permissions.has('policy.propose')
    ? html`<p><a class="button primary" href="/partners/add/domain">${partners.add}</a></p>`
    : null;
  const search = searchForm({
    action: '/partners',
    label: partners.search,
    submit: partners.searchAction,
    body: field({ name: 'q', label: partners.searchField, type: 'search', value: wanted }),
  });
  const body = html`<div class="bar">${search}${add}</div><p class="quiet">${partners.total(found.total)}</p>${listTable(found.partners, text)}${next}`;
  return { kind: 'page', title: partners.title, body };
}

function listTable(rows: readonly PartnerRow[], text: Catalogue): Html {
  const { columns, none, title, never, noAgreement, encrypt, signature } = text.partners;
  return table({
    caption: title,
    empty: none,
    rows,
    columns: [
      {
        title: columns.name,
        cell: ({ name, domains }) =>
          html`<a href="${partnerPath(name)}"><strong>${name}</strong></a><br><span class="quiet">${domains.slice(0, 3).join(', ')}</span>`,
      },
      {
        title: columns.protection,
        cell: (row) =>
          html`${badge(ENCRYPT_TONES[row.encrypt], encrypt[row.encrypt])}<br><span class="quiet">${signature[row.signature]}</span>`,
      },
      { title: columns.tls, cell: ({ tlsLevel }) => html`<code class="term">${tlsLevel}</code>` },
      { title: columns.certificates, cell: ({ certificates }) => certificates, narrow: true },
      {
        title: columns.agreement,
        cell: ({ agreement }) => agreement?.validUntil ?? noAgreement,
        narrow: true,
      },
      {
        title: columns.lastMail,
        cell: ({ lastMail }) => lastMailCell(lastMail, never),
        narrow: true,
      },
      { title: columns.trouble, cell: ({ trouble }) => troubleList(trouble, text) },
    ],
  });
}

const ENCRYPT_TONES: Readonly<Record<PartnerRow['encrypt'], Tone>> = {
  required: 'good',
  'when-possible': 'warn',
  none: 'plain',
};

export const partnerListPage: Page = {
  method: 'GET',
  path: '/partners',
  permission: 'partner.read',
  answer: list,
};
