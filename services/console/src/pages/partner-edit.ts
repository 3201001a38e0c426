import { parsePartner } from '@sallyport/policy-store/write';
import { formOf, type RecordField, withForm } from '../desk/partner-record.ts';
import type { PartnerEdit, PartnerView } from '../desk/partners.ts';
import { type Html, html } from '../html.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { type FieldFault, otherFaults, recordFields, valuesOf } from './partner-form.ts';
import { partnerPath } from './partners.ts';
import { field, form, notice, section, textArea } from './parts.ts';

const MAX_REASON_CHARS = 1_000;

interface Sent {
  readonly values: ReadonlyMap<RecordField, string>;
  readonly record: string;
  readonly reason: string;
  readonly faults: readonly FieldFault[];
  readonly refusal: string | null;
}

async function blank(request: PageRequest): Promise<PageAnswer> {
  const view = await request.desk.partners.show(request.params['name'] ?? '');
  if (view === null) return { kind: 'not-found' };
  const sent = {
    values: formOf(view.record),
    record: view.text,
    reason: '',
    faults: [],
    refusal: null,
  };
  return editPage(request, view, sent);
}

function editPage(request: PageRequest, view: PartnerView, sent: Sent): PageAnswer {
  const { text, csrf } = request;
  const { edit, actions } = text.partners;
  const { name } = view.partner;
  const seen = html`<input type="hidden" name="seen" value="${view.tag}">`;
  const reason = (id: string): Html => reasonField(request, sent, id);
  const isOk = sent.faults.length === 0 && sent.refusal === null;
  const body = html`<p><a href="${partnerPath(name)}">${name}</a></p><p>${edit.intro}</p>${faultNotice(request, sent)}<section class="card wide">${form(
    {
      action: partnerPath(name, 'edit'),
      csrf,
      submit: edit.save,
      body: html`${seen}${recordFields({ ...sent, inherited: inheritedIn(view), text })}${reason('reason')}`,
    },
  )}</section>${section(
    edit.textTitle,
    form({
      action: partnerPath(name, 'text'),
      csrf,
      submit: edit.textSave,
      body: html`${seen}${textArea({ name: 'record', label: edit.textTitle, hint: edit.textHint, value: sent.record, rows: 12 })}${reason('text-reason')}`,
    }),
  )}${section(
    edit.removeTitle,
    form({
      action: partnerPath(name, 'remove'),
      csrf,
      submit: actions.remove,
      danger: true,
      body: html`${seen}<p>${edit.removeHint}</p>${reason('remove-reason')}`,
    }),
  )}`;
  return { kind: 'page', title: edit.title(name), body, status: isOk ? 200 : 422 };
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

/** Why nothing was kept, as far as no field can say it. */
export function faultNotice(
  { text }: PageRequest,
  { faults, refusal }: Pick<Sent, 'faults' | 'refusal'>,
): Html | null {
  if (refusal === null && faults.length === 0) return null;
  const { faultsTitle, faultsBelow } = text.partners.edit;
  const rest = otherFaults(faults).map(({ path, reason }) => html`<li>${path} ${reason}</li>`);
  const why = refusal ?? (rest.length === 0 ? faultsBelow : null);
  const list = rest.length === 0 ? null : html`<ul>${rest}</ul>`;
  return notice('bad', html`<strong>${faultsTitle}.</strong> ${why}${list}`);
}

/** Several forms of a page ask for it, each under an id of its own. */
export function reasonField(
  { text }: PageRequest,
  { reason }: Pick<Sent, 'reason'>,
  name: string,
): Html {
  const { edit } = text.partners;
  const hint = edit.reasonHint;
  return field({
    name,
    label: edit.reason,
    hint,
    value: reason,
    required: true,
    maxLength: MAX_REASON_CHARS,
  });
}

/** The first of the names under which a form sends it. */
export function reasonOf(form_: URLSearchParams): string {
  const found = ['reason', 'text-reason', 'remove-reason'].map((name) => form_.get(name) ?? '');
  return (found.find((one) => one.trim() !== '') ?? '').trim().slice(0, MAX_REASON_CHARS);
}

type Change = (
  request: PageRequest,
  view: PartnerView,
) => Pick<PartnerEdit, 'record'> | { readonly faults: readonly FieldFault[] };

const byForm: Change = ({ form: sent }, view) => ({ record: withForm(view.record, sent) });

const byText: Change = ({ form: sent }) => {
  const parsed = parsePartner(sent.get('record') ?? '');
  return parsed.kind === 'ok' ? { record: parsed.record } : { faults: parsed.faults };
};

const byRemoval: Change = () => ({ record: null });

/** Pins what was chosen, beside the present ones or in their place. */
const byPins: Change = ({ form: sent, text }, view) => {
  const chosen = sent.getAll('trust.pinned').filter((pem) => pem !== '');
  if (chosen.length === 0) return { faults: [{ path: '', reason: text.partners.pinning.none }] };
  const kept = sent.get('replace') === 'yes' ? [] : view.partner.trust.pinned;
  const pins = new URLSearchParams();
  for (const pem of [...kept, ...chosen]) pins.append('trust.pinned', pem);
  return { record: withForm(view.record, pins) };
};

async function save(request: PageRequest, change: Change): Promise<PageAnswer> {
  const { desk, actor, form: sent, params, text } = request;
  const view = await desk.partners.show(params['name'] ?? '');
  if (view === null) return { kind: 'not-found' };
  const reason = reasonOf(sent);
  const again = (faults: readonly FieldFault[], refusal: string | null = null): PageAnswer => {
    const own = valuesOf(sent);
    const values = own.size === 0 ? formOf(view.record) : own;
    const record = sent.get('record') ?? view.text;
    return editPage(request, view, { values, record, reason, faults, refusal });
  };
  if (reason === '') return again([], text.partners.edit.reasonFault);
  const changed = change(request, view);
  if ('faults' in changed) return again(changed.faults);
  const seen = sent.get('seen') ?? '';
  const edited = await desk.partners.edit(actor, {
    name: view.partner.name,
    record: changed.record,
    reason,
    seen,
  });
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

export const partnerEditPages: readonly Page[] = [
  { method: 'GET', path: '/partners/:name/edit', permission: 'policy.propose', answer: blank },
  ...(
    [
      ['edit', byForm],
      ['text', byText],
      ['remove', byRemoval],
      ['pin', byPins],
    ] as const
  ).map(
    ([path, change]): Page => ({
      method: 'POST',
      path: `/partners/:name/${path}`,
      permission: 'policy.propose',
      answer: async (request) => await save(request, change),
    }),
  ),
];
