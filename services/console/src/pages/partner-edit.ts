import { parsePartner } from '@sallyport/policy-store/write';
import { formOf, type RecordField, withForm } from '../desk/partner-record.ts';
import type { PartnerEdit, PartnerView } from '../desk/partners.ts';
import { type Html, html } from '../html.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { type FieldFault, otherFaults, recordFields, valuesOf } from './partner-form.ts';
import { partnerPath } from './partner-parts.ts';
import { field, form, notice, section, textArea } from './parts.ts';

const MAX_REASON_CHARS = 1_000;

/** The forms of the page; each asks for a reason under a name of its own. */
const REASONS = { edit: 'reason', text: 'text-reason', remove: 'remove-reason' } as const;
type Part = keyof typeof REASONS;

/** What one of the forms sent that could not be used. */
interface Sent {
  readonly part: Part;
  readonly reason: string;
  readonly faults: readonly FieldFault[];
  readonly refusal: string | null;
}

interface Shown {
  readonly values: ReadonlyMap<RecordField, string>;
  readonly record: string;
  readonly sent: Sent | null;
}

async function blank(request: PageRequest): Promise<PageAnswer> {
  const view = await request.desk.partners.show(request.params['name'] ?? '');
  if (view === null) return { kind: 'not-found' };
  return editPage(request, view, { values: formOf(view.record), record: view.text, sent: null });
}

function editPage(request: PageRequest, view: PartnerView, shown: Shown): PageAnswer {
  const { text, csrf } = request;
  const { edit, actions } = text.partners;
  const { sent } = shown;
  const { name } = view.partner;
  const seen = html`<input type="hidden" name="seen" value="${view.tag}">`;
  const faultsOf = (part: Part): readonly FieldFault[] => (sent?.part === part ? sent.faults : []);
  const reason = (part: Part): Html =>
    reasonField(request, sent?.part === part ? sent : { reason: '', faults: [] }, REASONS[part]);
  const inText = faultsOf('text').filter(({ path }) => path !== REASON);
  const body = html`<p><a href="${partnerPath(name)}">${name}</a></p><p>${edit.intro}</p>${
    sent === null
      ? null
      : faultNotice(request, sent.part === 'edit' ? sent : { ...sent, faults: [] })
  }<section class="card wide">${form({
    action: partnerPath(name, 'edit'),
    csrf,
    submit: edit.save,
    body: html`${seen}${recordFields({ ...shown, faults: faultsOf('edit'), inherited: inheritedIn(view), text })}${reason('edit')}`,
  })}</section>${section(
    edit.textTitle,
    form({
      action: partnerPath(name, 'text'),
      csrf,
      submit: edit.textSave,
      body: html`${seen}${textArea({
        name: 'record',
        label: edit.textTitle,
        hint: edit.textHint,
        value: shown.record,
        fault: inText.map(({ path, reason: why }) => `${path} ${why}`.trim()).join('; '),
        rows: 12,
      })}${reason('text')}`,
    }),
  )}${section(
    edit.removeTitle,
    form({
      action: partnerPath(name, 'remove'),
      csrf,
      submit: actions.remove,
      danger: true,
      body: html`${seen}<p>${edit.removeHint}</p>${reason('remove')}`,
    }),
  )}`;
  return { kind: 'page', title: edit.title(name), body, status: sent === null ? 200 : 422 };
}

/** Plain values that come from elsewhere than the record. */
function inheritedIn({ values, partner }: PartnerView): ReadonlyMap<string, string> {
  const others = values.filter(({ source }) => source !== `partner ${partner.name}`);
  return new Map(
    others.flatMap(({ field: name, value }) =>
      typeof value === 'string' || typeof value === 'boolean' ? [[name, String(value)]] : [],
    ),
  );
}

/** The path of a fault that the reason has. */
const REASON = 'reason';

/** Why nothing was kept, as far as no field can say it. */
export function faultNotice(
  { text }: PageRequest,
  { faults, refusal }: Pick<Sent, 'faults' | 'refusal'>,
): Html {
  const { faultsTitle, faultsBelow } = text.partners.edit;
  const others = otherFaults(faults).filter(({ path }) => path !== REASON);
  const rest = others.map(({ path, reason }) => html`<li>${path} ${reason}</li>`);
  const why = refusal ?? (rest.length === 0 ? faultsBelow : null);
  const list = rest.length === 0 ? null : html`<ul>${rest}</ul>`;
  return notice('bad', html`<strong>${faultsTitle}.</strong> ${why}${list}`);
}

/** Why somebody does it; several forms of a page ask for it, each under an id of its own. */
export function reasonField(
  { text }: PageRequest,
  { reason, faults }: Pick<Sent, 'reason' | 'faults'>,
  name: string,
): Html {
  const { edit } = text.partners;
  return field({
    name,
    label: edit.reason,
    hint: edit.reasonHint,
    value: reason,
    fault: faults.find(({ path }) => path === REASON)?.reason,
    required: true,
    maxLength: MAX_REASON_CHARS,
  });
}

/** The reason that a form sent, and the fault if there is none. */
export function reasonOf(
  { form: posted, text }: PageRequest,
  name: string,
): { readonly reason: string; readonly faults: readonly FieldFault[] } {
  const reason = (posted.get(name) ?? '').trim().slice(0, MAX_REASON_CHARS);
  const { reasonFault } = text.partners.edit;
  return { reason, faults: reason === '' ? [{ path: REASON, reason: reasonFault }] : [] };
}

type Changed = Pick<PartnerEdit, 'record'> | { readonly faults: readonly FieldFault[] };

function changeOf(part: Part, { form: posted }: PageRequest, view: PartnerView): Changed {
  switch (part) {
    case 'edit':
      return { record: withForm(view.record, posted) };
    case 'text': {
      const parsed = parsePartner(posted.get('record') ?? '');
      return parsed.kind === 'ok' ? { record: parsed.record } : { faults: parsed.faults };
    }
    case 'remove':
      return { record: null };
  }
}

async function save(request: PageRequest, part: Part): Promise<PageAnswer> {
  const { desk, actor, form: posted, params, text } = request;
  const view = await desk.partners.show(params['name'] ?? '');
  if (view === null) return { kind: 'not-found' };
  const { reason, faults } = reasonOf(request, REASONS[part]);
  const again = (more: readonly FieldFault[], refusal: string | null = null): PageAnswer =>
    editPage(request, view, {
      values: part === 'edit' ? valuesOf(posted) : formOf(view.record),
      record: part === 'text' ? (posted.get('record') ?? '') : view.text,
      sent: { part, reason, faults: [...faults, ...more], refusal },
    });
  const changed = changeOf(part, request, view);
  if ('faults' in changed) return again(changed.faults);
  if (reason === '') return again([]);
  const seen = posted.get('seen') ?? '';
  const name = view.partner.name;
  const edited = await desk.partners.edit(actor, { name, record: changed.record, reason, seen });
  switch (edited.kind) {
    case 'written':
      return { kind: 'redirect', to: `/policy/${edited.version}`, notice: 'partner-drafted' };
    case 'changed':
      return again([], text.partners.edit.changed);
    case 'invalid':
      return again(edited.faults);
    case 'unknown':
      return { kind: 'not-found' };
  }
}

const PARTS = ['edit', 'text', 'remove'] as const satisfies readonly Part[];

export const partnerEditPages: readonly Page[] = [
  { method: 'GET', path: '/partners/:name/edit', permission: 'policy.propose', answer: blank },
  ...PARTS.map(
    (part): Page => ({
      method: 'POST',
      path: `/partners/:name/${part}`,
      permission: 'policy.propose',
      answer: async (request) => await save(request, part),
    }),
  ),
];
