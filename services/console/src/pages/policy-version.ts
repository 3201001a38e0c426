import { DEFAULT_REHEARSED } from '../desk/policy.ts';
import { MOVE_PERMISSIONS, MOVES, type Move } from '../desk/policy-moves.ts';
import type { VersionView } from '../desk/policy-versions.ts';
import { type Html, html } from '../html.ts';
import { describedViews } from './certificate-view.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { facts, field, notice, searchForm, section, time } from './parts.ts';
import { changesTable, rehearsalView, stateBadge, versionOf } from './policy-parts.ts';
import { MAX_REASON_CHARS, nextForms, type SentStep, stepsOf } from './policy-steps.ts';

async function show(request: PageRequest): Promise<PageAnswer> {
  const number = versionOf(request.params['version']);
  const view = number === null ? null : await request.desk.policy.show(number);
  return view === null ? { kind: 'not-found' } : await versionPage(request, view, {});
}

/** Why a step was not taken. */
interface NotTaken {
  readonly refusal?: string;
  readonly sent?: SentStep;
}

async function versionPage(
  request: PageRequest,
  view: VersionView,
  { refusal, sent }: NotTaken,
): Promise<PageAnswer> {
  const { text, desk } = request;
  const words = text.policy;
  const { versionTitle, rehearsalTitle, documentTitle, documentLink } = words;
  const { from, compared, isOther, fault } = await comparisonOf(request, view);
  const certificates = await desk.look.describe(view.newCertificates);
  const refused =
    refusal === undefined
      ? null
      : notice('bad', html`<strong>${words.refusedTitle}.</strong> ${refusal}`);
  const faults = view.faults.length === 0 ? null : notice('bad', faultList(view, request));
  // Whoever looks at another comparison does not see what a step would change.
  const next = isOther
    ? html`${notice('warn', words.otherComparison(from))}<p><a href="/policy/${view.version}">${words.backToBase}</a></p>`
    : nextForms(request, view, sent ?? null);
  const body = html`${refused}${faults}<div class="cards">${section(text.partners.sections.state, summaryOf(view, request))}${section(
    words.nextTitle,
    next,
  )}</div>${section(
    isOther ? words.comparedTitle(from) : words.changesTitle,
    comparison(request, view, { from, fault }),
    changesTable(compared ?? view.changes, text),
  )}${view.newCertificates.length === 0 ? null : section(words.certificatesTitle, describedViews(certificates, text))}${
    view.state === 'active'
      ? null
      : section(rehearsalTitle, await rehearsalPart(request, view, sent === undefined))
  }${section(words.stepsTitle, stepsOf(view, request))}${section(
    documentTitle,
    html`<p><a download href="/policy/${view.version}/document">${documentLink}</a></p>`,
  )}`;
  const status = sent !== undefined ? 422 : refusal !== undefined ? 409 : 200;
  return { kind: 'page', title: versionTitle(view.version), body, status };
}

/** What the changes are shown against: the base of the version, or what the address asks for. */
async function comparisonOf({ desk, query, text }: PageRequest, view: VersionView) {
  const asked = query.get('from') ?? '';
  const from = versionOf(asked);
  const base = { from: view.base, compared: null, isOther: false } as const;
  if (asked === '' || from === view.base) return { ...base, fault: undefined };
  const compared = from === null ? null : await desk.policy.diff(from, view.version);
  return compared === null
    ? { ...base, fault: text.policy.compareFault }
    : { from, compared, isOther: true, fault: undefined };
}

/** A choice of another version to compare with. */
function comparison(
  { text }: PageRequest,
  view: VersionView,
  { from, fault }: { readonly from: number | null; readonly fault: string | undefined },
): Html {
  const { compareLabel, compareAction, compareHint } = text.policy;
  const value = String(from ?? '');
  return searchForm({
    action: `/policy/${view.version}`,
    label: compareLabel,
    submit: compareAction,
    body: field({ name: 'from', label: compareHint, type: 'number', value, fault }),
  });
}

/** A draft is rehearsed at once, for who may; all else on demand. */
async function rehearsalPart(
  { desk, query, text, actor }: PageRequest,
  view: VersionView,
  isFirstLook: boolean,
): Promise<Html> {
  const may = actor.permissions.has('simulate');
  const isWanted = query.has('rehearse') || (view.state === 'draft' && isFirstLook);
  if (may && isWanted) {
    return rehearsalView(await desk.policy.rehearse(view.version, DEFAULT_REHEARSED), text);
  }
  const last = view.steps.findLast(({ rehearsal }) => rehearsal !== undefined);
  const kept =
    last?.rehearsal === undefined
      ? null
      : html`<p>${text.policy.rehearsed(last.rehearsal)} <span class="quiet">${time(last.time)}</span></p>`;
  const link = may
    ? html`<p><a href="/policy/${view.version}?rehearse=yes">${text.policy.rehearsalAction}</a></p>`
    : null;
  return html`${kept}<p class="quiet">${text.policy.rehearsalHint}</p>${link}`;
}

function faultList({ faults }: VersionView, { text }: PageRequest): Html {
  return html`<strong>${text.policy.faultsTitle}</strong><ul>${faults.map((one) => html`<li>${one}</li>`)}</ul>`;
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

/** What a browser sends of a time without zone is meant as UTC, as the label says. */
function timeOf(text: string): Date | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(text)) return null;
  const date = new Date(`${text}Z`);
  return Number.isNaN(date.getTime()) ? null : date;
}

async function takeMove(move: Move, request: PageRequest): Promise<PageAnswer> {
  const { desk, actor, form: posted, params, text } = request;
  const version = versionOf(params['version']);
  const view = version === null ? null : await desk.policy.show(version);
  if (version === null || view === null) return { kind: 'not-found' };
  const reason = (posted.get('reason') ?? '').trim().slice(0, MAX_REASON_CHARS);
  const asked = posted.get('at') ?? '';
  const at = timeOf(asked);
  const { atFault, reasonFault, changed } = text.policy;
  const again = async (fault: string): Promise<PageAnswer> =>
    await versionPage(request, view, { sent: { move, at: asked, reason, fault } });
  if (move === 'schedule' && (at === null || at <= request.now)) return await again(atFault);
  if (move === 'rollback' && reason === '') return await again(reasonFault);
  const moved = await desk.policy.move(actor, {
    move,
    version,
    sha256: posted.get('sha256') ?? '',
    seen: posted.get('seen') ?? '',
    ...(at === null ? {} : { at }),
    ...(reason === '' ? {} : { reason }),
  });
  switch (moved.kind) {
    case 'taken':
      return { kind: 'redirect', to: `/policy/${version}`, notice: `policy-${move}` };
    case 'refused':
      return await versionPage(request, view, { refusal: moved.sentence });
    case 'changed':
      return await changedPage(request, version, changed);
    case 'unknown':
      return { kind: 'not-found' };
  }
}

/** As it is by now, whatever was taken in between. */
async function changedPage(
  request: PageRequest,
  version: number,
  refusal: string,
): Promise<PageAnswer> {
  const view = await request.desk.policy.show(version);
  return view === null ? { kind: 'not-found' } : await versionPage(request, view, { refusal });
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

export const policyVersionPages: readonly Page[] = [
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
