import { baseOf } from '../desk/partner-domains.ts';
import { withForm } from '../desk/partner-record.ts';
import type { PartnerView } from '../desk/partners.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { foundTable } from './partner-add.ts';
import { reasonField, reasonOf } from './partner-edit.ts';
import type { FieldFault } from './partner-form.ts';
import { partnerPath } from './partner-parts.ts';
import { checkbox, form, notice, table, time } from './parts.ts';

/** What the form sent that could not be used. */
interface Sent {
  readonly chosen: readonly string[];
  readonly replaces: boolean;
  readonly reason: string;
  readonly faults: readonly FieldFault[];
  readonly refusal: string | null;
}

/** What the partner publishes now, to pin some of it: how a change of its key is approved. */
async function found(request: PageRequest): Promise<PageAnswer> {
  const view = await request.desk.partners.show(request.params['name'] ?? '');
  return view === null ? { kind: 'not-found' } : await pinPage(request, view, null);
}

async function pinPage(
  request: PageRequest,
  view: PartnerView,
  sent: Sent | null,
): Promise<PageAnswer> {
  const { csrf, text } = request;
  const { pinning } = text.partners;
  const { name } = view.partner;
  const choice =
    sent === null || sent.chosen.length === 0
      ? await publishedChoice(request, view)
      : await chosenChoice(request, sent.chosen);
  const refusal = sent?.refusal ?? null;
  const shown =
    choice.kind === 'refused'
      ? notice('bad', choice.sentence)
      : html`<div class="wide">${form({
          action: partnerPath(name, 'pin'),
          csrf,
          submit: pinning.save,
          body: html`<input type="hidden" name="seen" value="${view.tag}">${choice.rows}${checkbox({ name: 'replace', label: pinning.replace, isChecked: sent?.replaces === true })}${reasonField(request, sent ?? { reason: '', faults: [] }, 'reason')}`,
        })}</div>`;
  const body = html`<p><a href="${partnerPath(name)}">${name}</a></p><p>${pinning.intro}</p>${refusal === null ? null : notice('bad', refusal)}<section class="card">${shown}</section>`;
  const status = sent === null ? 200 : 422;
  return { kind: 'page', title: pinning.title(name), body, status };
}

type Choice =
  | { readonly kind: 'rows'; readonly rows: HtmlValue }
  | { readonly kind: 'refused'; readonly sentence: string };

async function publishedChoice(request: PageRequest, { partner }: PartnerView): Promise<Choice> {
  const survey = await request.desk.look.survey(baseOf(partner.domains[0] ?? ''));
  if (survey.kind === 'refused') return survey;
  return { kind: 'rows', rows: foundTable(survey.found, request) };
}

/** Those that were ticked already: nobody is asked again for what a form brought back. */
async function chosenChoice(
  { desk, text }: PageRequest,
  chosen: readonly string[],
): Promise<Choice> {
  const { adding, columns, certificatesAway } = text.partners;
  const described = await desk.look.describe(chosen);
  if (described === null) return { kind: 'refused', sentence: certificatesAway };
  const readable = described.certificates.flatMap((one) =>
    one.kind === 'certificate' ? [one.value] : [],
  );
  const rows = table({
    caption: adding.certificates,
    empty: adding.noCertificates,
    rows: readable,
    columns: [
      {
        title: columns.subject,
        cell: ({ subject }) => html`<span class="value">${subject}</span>`,
      },
      { title: columns.until, cell: ({ notAfter }) => time(notAfter), narrow: true },
      { title: columns.certificates, cell: ({ pem, sha256 }) => pinBox(adding.pin(sha256), pem) },
    ],
  });
  return { kind: 'rows', rows };
}

function pinBox(label: string, value: string): Html {
  return html`<span class="hash">${checkbox({ name: 'trust.pinned', label, value, isChecked: true })}</span>`;
}

/** Pins what was chosen, beside the present ones or in their place. */
async function pin(request: PageRequest): Promise<PageAnswer> {
  const { desk, actor, form: posted, params, text } = request;
  const view = await desk.partners.show(params['name'] ?? '');
  if (view === null) return { kind: 'not-found' };
  const { pinning, edit } = text.partners;
  const chosen = posted.getAll('trust.pinned').filter((pem) => pem !== '');
  const replaces = posted.get('replace') === 'yes';
  const given = reasonOf(request, 'reason');
  const again = async (refusal: string | null): Promise<PageAnswer> =>
    await pinPage(request, view, { chosen, replaces, ...given, refusal });
  if (chosen.length === 0) return await again(pinning.none);
  if (given.reason === '') return await again(null);
  const pins = new URLSearchParams();
  const kept = replaces ? [] : view.partner.trust.pinned;
  for (const pem of [...kept, ...chosen]) pins.append('trust.pinned', pem);
  const edited = await desk.partners.edit(actor, {
    name: view.partner.name,
    record: withForm(view.record, pins),
    reason: given.reason,
    seen: posted.get('seen') ?? '',
  });
  switch (edited.kind) {
    case 'written':
      return { kind: 'redirect', to: `/policy/${edited.version}`, notice: 'partner-drafted' };
    case 'changed':
      return await again(edit.changed);
    case 'invalid':
      return await again(edited.faults.map(({ path, reason }) => `${path} ${reason}`).join('; '));
    case 'unknown':
      return { kind: 'not-found' };
  }
}

export const partnerPinPages: readonly Page[] = [
  { method: 'GET', path: '/partners/:name/found', permission: 'policy.propose', answer: found },
  { method: 'POST', path: '/partners/:name/pin', permission: 'policy.propose', answer: pin },
];
