import { DEFAULT_REHEARSED, type VersionView } from '../desk/policy.ts';
import { MOVE_PERMISSIONS, MOVES, type Move } from '../desk/policy-moves.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import { describedViews } from './certificate-view.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import {
  facts,
  field,
  form,
  notice,
  pager,
  searchForm,
  section,
  table,
  textArea,
  time,
  timeline,
} from './parts.ts';
import { changesTable, rehearsalView, stateBadge } from './policy-parts.ts';

const PAGE_SIZE = 25;
const MAX_REASON_CHARS = 1_000;
const MAX_TEXT_CHARS = 900_000;

/** @returns null for what is no version number. */
export function versionOf(text: string | undefined): number | null {
  return /^\d{1,6}$/.test(text ?? '') ? Number(text) : null;
}

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
  const body = html`<p>${intro}</p>${rows}${pager({ path: '/policy', query, before: page.before, text })}${
    actor.permissions.has('policy.propose') ? importForm(request, {}) : null
  }`;
  return { kind: 'page', title, body };
}

interface Sent {
  readonly document?: string;
  readonly reason?: string;
  readonly faults?: readonly { readonly path: string; readonly reason: string }[];
}

function importForm(
  { csrf, text }: PageRequest,
  { document = '', reason = '', faults = [] }: Sent,
): Html {
  const { importTitle, importHint, importAction, documentTitle, reason: why } = text.policy;
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
      })}${field({ name: 'reason', label: why, value: reason, required: true, maxLength: MAX_REASON_CHARS })}`,
    }),
  );
}

async function importDraft(request: PageRequest): Promise<PageAnswer> {
  const { desk, actor, form: sent, text } = request;
  const document = sent.get('document') ?? '';
  const reason = (sent.get('reason') ?? '').trim().slice(0, MAX_REASON_CHARS);
  const again = (faults: Sent['faults'] = []): PageAnswer => ({
    kind: 'page',
    status: 422,
    title: text.policy.invalidTitle,
    body: importForm(request, { document, reason, faults }),
  });
  if (reason === '' || document.length > MAX_TEXT_CHARS) {
    return again([{ path: '', reason: text.policy.reasonFault }]);
  }
  const drafted = await desk.policy.draft(actor, { text: document, reason });
  switch (drafted.kind) {
    case 'written':
      return { kind: 'redirect', to: `/policy/${drafted.version}`, notice: 'policy-drafted' };
    case 'changed':
      return again([{ path: '', reason: text.policy.changed }]);
    case 'invalid':
      return again(drafted.faults);
  }
}

async function show(request: PageRequest): Promise<PageAnswer> {
  const number = versionOf(request.params['version']);
  const view = number === null ? null : await request.desk.policy.show(number);
  return view === null ? { kind: 'not-found' } : await versionPage(request, view, null);
}

async function versionPage(
  request: PageRequest,
  view: VersionView,
  refusal: string | null,
): Promise<PageAnswer> {
  const { text, desk, query } = request;
  const { versionTitle, changesTitle, rehearsalTitle, documentTitle, documentLink } = text.policy;
  const wantsRehearsal = query.has('rehearse') || view.state === 'draft';
  const rehearsal =
    wantsRehearsal && view.state !== 'active'
      ? rehearsalView(await desk.policy.rehearse(view.version, DEFAULT_REHEARSED), text)
      : rehearsalLink(request, view);
  const certificates = await desk.look.describe(view.newCertificates);
  const from = versionOf(query.get('from') ?? undefined);
  const compared = from === null ? null : await desk.policy.diff(from, view.version);
  const body = html`${refusal === null ? null : notice('bad', html`<strong>${text.policy.refusedTitle}.</strong> ${refusal}`)}${
    view.faults.length === 0 ? null : notice('bad', faultList(view, request))
  }<div class="cards">${section(text.partners.sections.state, summaryOf(view, request))}${section(
    text.policy.nextTitle,
    nextForms(request, view),
  )}</div>${section(
    changesTitle,
    comparison(request, view, from),
    changesTable(compared ?? view.changes, text),
  )}${certificates.length === 0 ? null : section(text.policy.certificatesTitle, describedViews(certificates, text))}${
    view.state === 'active' ? null : section(rehearsalTitle, rehearsal)
  }${section(text.policy.stepsTitle, stepsOf(view, request))}${section(
    documentTitle,
    html`<p><a download href="/policy/${view.version}/document">${documentLink}</a></p>`,
  )}`;
  const status = refusal === null ? 200 : 409;
  return { kind: 'page', title: versionTitle(view.version), body, status };
}

/** A choice of another version to compare with. */
function comparison({ text }: PageRequest, view: VersionView, from: number | null): Html {
  const { compareLabel, compareAction, compareHint } = text.policy;
  const value = String(from ?? view.base ?? '');
  return searchForm({
    action: `/policy/${view.version}`,
    label: compareLabel,
    submit: compareAction,
    body: field({ name: 'from', label: compareHint, type: 'number', value }),
  });
}

function faultList({ faults }: VersionView, { text }: PageRequest): Html {
  return html`<strong>${text.policy.faultsTitle}</strong><ul>${faults.map((one) => html`<li>${one}</li>`)}</ul>`;
}

function rehearsalLink({ text, actor }: PageRequest, view: VersionView): Html {
  const last = view.steps.findLast(({ rehearsal }) => rehearsal !== undefined);
  const kept =
    last?.rehearsal === undefined
      ? null
      : html`<p>${text.policy.rehearsed(last.rehearsal)} <span class="quiet">${time(last.time)}</span></p>`;
  const link = actor.permissions.has('simulate')
    ? html`<p><a href="/policy/${view.version}?rehearse=yes">${text.policy.rehearsalAction}</a></p>`
    : null;
  return html`${kept}<p class="quiet">${text.policy.rehearsalHint}</p>${link}`;
}

function summaryOf(view: VersionView, { text }: PageRequest): Html {
  const { columns, facts: names, versionLink } = text.policy;
  const base =
    view.base === null
      ? names.nothing
      : html`<a href="/policy/${view.base}">${versionLink(view.base)}</a>`;
  return facts([
    [columns.state, stateBadge(view.state, text)],
    ...(view.activateAt === null ? [] : [[names.activateAt, time(view.activateAt)] as const]),
    [columns.reason, view.reason],
    [columns.author, view.author],
    [columns.time, time(view.time)],
    [names.hash, html`<code class="hash">${view.sha256}</code>`],
    [names.compared, base],
  ]);
}

function stepsOf({ steps }: VersionView, { text }: PageRequest): Html {
  if (steps.length === 0) return html`<p>${text.policy.stepsNone}</p>`;
  return timeline(
    steps.map((step) => ({
      at: step.time,
      title: text.policy.stepKinds[step.kind],
      body: html`<p>${step.by}${step.reason === undefined ? null : html`: ${step.reason}`}${
        step.at === undefined ? null : html` (${time(step.at)})`
      }</p>${step.rehearsal === undefined ? null : html`<p class="quiet">${text.policy.rehearsed(step.rehearsal)}</p>`}`,
    })),
  );
}

function nextForms(request: PageRequest, view: VersionView): HtmlValue {
  const { text, actor } = request;
  if (view.next.length === 0) return html`<p>${text.policy.nextNone}</p>`;
  const own = view.next.filter((move) => actor.permissions.has(MOVE_PERMISSIONS[move]));
  if (own.length === 0) return html`<p>${text.policy.nextOthers}</p>`;
  return own.map((move) => moveForm(request, view, move));
}

function moveForm({ csrf, text }: PageRequest, view: VersionView, move: Move): Html {
  const { moves, moveHints, at, reason } = text.policy;
  const hints: Readonly<Partial<Record<Move, string>>> = {
    ...moveHints,
    approve: moveHints.approve(view.sha256.slice(0, 16)),
  };
  const hint = hints[move];
  return form({
    action: `/policy/${view.version}/${move}`,
    csrf,
    submit: moves[move],
    danger: move === 'rollback',
    body: html`<input type="hidden" name="sha256" value="${view.sha256}"><input type="hidden" name="seen" value="${view.tag}">${
      hint === undefined ? null : html`<p class="hint">${hint}</p>`
    }${
      move === 'schedule'
        ? field({ name: 'at', label: at, type: 'datetime-local', required: true })
        : null
    }${
      move === 'rollback'
        ? field({ name: 'reason', label: reason, required: true, maxLength: MAX_REASON_CHARS })
        : null
    }`,
  });
}

/** What a browser sends of a time without zone is meant as UTC, as the label says. */
function timeOf(text: string | null): Date | null {
  if (text === null || !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(text)) return null;
  const date = new Date(`${text}Z`);
  return Number.isNaN(date.getTime()) ? null : date;
}

async function takeMove(move: Move, request: PageRequest): Promise<PageAnswer> {
  const { desk, actor, form: sent, params, text } = request;
  const version = versionOf(params['version']);
  if (version === null) return { kind: 'not-found' };
  const view = await desk.policy.show(version);
  if (view === null) return { kind: 'not-found' };
  const reason = (sent.get('reason') ?? '').trim().slice(0, MAX_REASON_CHARS);
  const at = timeOf(sent.get('at'));
  if (move === 'schedule' && at === null)
    return await versionPage(request, view, text.policy.atFault);
  if (move === 'rollback' && reason === '') {
    return await versionPage(request, view, text.policy.reasonFault);
  }
  const moved = await desk.policy.move(actor, {
    move,
    version,
    sha256: sent.get('sha256') ?? '',
    seen: sent.get('seen') ?? '',
    ...(at === null ? {} : { at }),
    ...(reason === '' ? {} : { reason }),
  });
  switch (moved.kind) {
    case 'taken':
      return { kind: 'redirect', to: `/policy/${version}`, notice: `policy-${move}` };
    case 'refused':
      return await versionPage(request, view, moved.sentence);
    case 'changed':
      return await versionPage(request, view, text.policy.changed);
    case 'unknown':
      return { kind: 'not-found' };
  }
}

async function download({ desk, params }: PageRequest): Promise<PageAnswer> {
  const version = versionOf(params['version']);
  const document = version === null ? null : await desk.policy.document(version);
  if (document === null) return { kind: 'not-found' };
  return {
    kind: 'file',
    type: 'application/yaml',
    name: `policy-${version}.yaml`,
    bytes: document,
  };
}

export const policyPages: readonly Page[] = [
  { method: 'GET', path: '/policy', permission: 'partner.read', answer: list },
  { method: 'POST', path: '/policy', permission: 'policy.propose', answer: importDraft },
  { method: 'GET', path: '/policy/:version', permission: 'partner.read', answer: show },
  {
    method: 'GET',
    path: '/policy/:version/document',
    permission: 'partner.read',
    answer: download,
  },
  ...MOVES.map(
    (move): Page => ({
      method: 'POST',
      path: `/policy/:version/${move}`,
      permission: MOVE_PERMISSIONS[move],
      // What lets a version come into force: somebody at a desk that was left open must not.
      ...(move === 'propose' ? {} : { freshFor: '/policy/:version' }),
      answer: async (request) => await takeMove(move, request),
    }),
  ),
];
