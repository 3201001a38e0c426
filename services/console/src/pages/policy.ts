import { type Html, html } from '../html.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { field, form, pager, section, table, textArea, time } from './parts.ts';
import { stateBadge, versionOf } from './policy-parts.ts';
import { MAX_REASON_CHARS } from './policy-steps.ts';
import { policyVersionPages } from './policy-version.ts';

const PAGE_SIZE = 25;
const MAX_TEXT_CHARS = 900_000;

async function list(request: PageRequest): Promise<PageAnswer> {
  const { desk, query, text, actor } = request;
  const { columns, none, title, intro, versionLink } = text.policy;
  const before = versionOf(query.get('before') ?? undefined);
  const page = await desk.policy.list({
    limit: PAGE_SIZE,
    ...(before === null ? {} : { before }),
  });
  const rows = table({
    caption: title,
    empty: none,
    rows: page.versions,
    columns: [
      {
        title: columns.version,
        cell: ({ version }) => html`<a href="/policy/${version}">${versionLink(version)}</a>`,
      },
      { title: columns.state, cell: ({ state }) => stateBadge(state, text) },
      { title: columns.reason, cell: ({ reason }) => reason },
      { title: columns.author, cell: ({ author }) => author },
      { title: columns.time, cell: (row) => time(row.time), narrow: true },
    ],
  });
  const body = html`<p>${intro}</p>${rows}${pager({ path: '/policy', query, next: page.before, text })}${
    actor.permissions.has('policy.propose') ? importForm(request, {}) : null
  }`;
  return { kind: 'page', title, body };
}

interface Sent {
  readonly document?: string;
  readonly reason?: string;
  /** What is wrong with the document, and with the reason. */
  readonly faults?: readonly { readonly path: string; readonly reason: string }[];
  readonly reasonFault?: string;
}

function importForm({ csrf, text }: PageRequest, sent: Sent): Html {
  const { importTitle, importHint, importAction, documentTitle, reason: why } = text.policy;
  const { document = '', reason = '', faults = [], reasonFault } = sent;
  const shown = faults.map(({ path, reason: fault }) => `${path} ${fault}`.trim());
  return section(
    importTitle,
    form({
      action: '/policy',
      csrf,
      submit: importAction,
      body: html`${textArea({
        name: 'document',
        label: documentTitle,
        hint: importHint,
        value: document,
        rows: 8,
        required: true,
        ...(shown.length === 0 ? {} : { fault: shown.join('; ') }),
      })}${field({
        name: 'reason',
        label: why,
        value: reason,
        fault: reasonFault,
        required: true,
        maxLength: MAX_REASON_CHARS,
      })}`,
    }),
  );
}

async function importDraft(request: PageRequest): Promise<PageAnswer> {
  const { desk, actor, form: sent, text } = request;
  const document = sent.get('document') ?? '';
  const reason = (sent.get('reason') ?? '').trim().slice(0, MAX_REASON_CHARS);
  const again = (why: Pick<Sent, 'faults' | 'reasonFault'>): PageAnswer => ({
    kind: 'page',
    status: 422,
    title: text.policy.invalidTitle,
    body: importForm(request, { document, reason, ...why }),
  });
  const ofDocument = (fault: string): PageAnswer =>
    again({ faults: [{ path: '', reason: fault }] });
  if (reason === '') return again({ reasonFault: text.policy.reasonFault });
  if (document.trim() === '') return ofDocument(text.policy.documentFault);
  if (document.length > MAX_TEXT_CHARS) return ofDocument(text.policy.documentLong);
  const drafted = await desk.policy.draft(actor, { text: document, reason });
  switch (drafted.kind) {
    case 'written':
      return { kind: 'redirect', to: `/policy/${drafted.version}`, notice: 'policy-drafted' };
    case 'changed':
      return ofDocument(text.policy.changed);
    case 'invalid':
      return again({ faults: drafted.faults });
  }
}

export const policyPages: readonly Page[] = [
  { method: 'GET', path: '/policy', permission: 'partner.read', answer: list },
  { method: 'POST', path: '/policy', permission: 'policy.propose', answer: importDraft },
  ...policyVersionPages,
];
