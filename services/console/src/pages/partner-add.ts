import { parseDomain } from '@sallyport/mail';
import { matchesPattern } from '@sallyport/policy';
import type { Surveyed } from '../desk/look.ts';
import { type RecordField, withForm } from '../desk/partner-record.ts';
import { suggestRecord } from '../desk/suggest.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { faultNotice, reasonField, reasonOf } from './partner-edit.ts';
import { type FieldFault, recordFields, valuesOf } from './partner-form.ts';
import { probeView } from './partner-look.ts';
import {
  badge,
  checkbox,
  facts,
  field,
  form,
  notice,
  section,
  type Tone,
  table,
  time,
} from './parts.ts';
import { traceTable } from './trace-table.ts';

const MAX_DOMAIN_CHARS = 255;

/** Where in the flow one is. */
function steps(at: number, { text }: PageRequest): Html {
  const { steps: names, stepLabel } = text.partners.adding;
  return html`<ol class="flow" aria-label="${stepLabel}">${names.map(
    (name, place) => html`<li${place === at ? html` aria-current="step"` : null}>${name}</li>`,
  )}</ol>`;
}

function askDomain(request: PageRequest, sent: string, refusal: string | null): PageAnswer {
  const { text, csrf } = request;
  const { adding } = text.partners;
  const body = html`${steps(0, request)}<p>${adding.intro}</p>${form({
    action: '/partners/add/look',
    csrf,
    submit: adding.look,
    busy: text.partners.busy,
    body: field({
      name: 'domain',
      label: adding.domain,
      hint: adding.domainHint,
      value: sent,
      fault: refusal ?? undefined,
      required: true,
      maxLength: MAX_DOMAIN_CHARS,
    }),
  })}`;
  return { kind: 'page', title: adding.title, body, status: refusal === null ? 200 : 422 };
}

async function look(request: PageRequest): Promise<PageAnswer> {
  const { desk, text } = request;
  const sent = (request.form.get('domain') ?? '').trim().slice(0, MAX_DOMAIN_CHARS);
  const domain = parseDomain(sent);
  if (domain !== null && desk.ports.options.domains.includes(domain)) {
    return askDomain(request, sent, text.partners.adding.ours);
  }
  const [survey, probe] = await Promise.all([desk.look.survey(sent), desk.look.probe(sent)]);
  if (survey.kind === 'refused') return askDomain(request, sent, survey.sentence);
  const found = survey.found;
  const probed = probe.kind === 'found' ? probe.found : null;
  const values = suggestRecord(found.domain, found, probed);
  const { adding } = text.partners;
  const body = html`${steps(1, request)}${await knownNotice(request, found.domain)}${section(
    adding.remarks,
    remarksOf(found, request),
  )}${statementOf(found, request)}${await chooseForm(request, {
    values,
    faults: [],
    refusal: null,
    reason: adding.reason(found.domain),
    found,
  })}${probe.kind === 'refused' ? notice('warn', adding.noProbe(probe.sentence)) : probeView(probe.found, text, null)}${section(
    adding.doors,
    found.doors.map(
      ({ door, steps: trace }) =>
        html`<details><summary>${door}</summary>${traceTable(trace, text, door)}</details>`,
    ),
  )}`;
  return { kind: 'page', title: adding.lookTitle(found.domain), body };
}

async function knownNotice({ desk, text }: PageRequest, name: string): Promise<Html | null> {
  const domain = parseDomain(name);
  const opened = await desk.policy.inForce();
  const known = opened?.policy.partners.find(
    ({ domains }) => domain !== null && domains.some((pattern) => matchesPattern(domain, pattern)),
  );
  return known === undefined ? null : notice('warn', text.partners.adding.known(known.name));
}

const SEVERITY_TONES: Readonly<Record<Surveyed['remarks'][number]['severity'], Tone>> = {
  fault: 'bad',
  warning: 'warn',
  note: 'plain',
};

function remarksOf({ remarks }: Surveyed, { text }: PageRequest): Html {
  const { noRemarks, severity } = text.partners.adding;
  if (remarks.length === 0) return html`<p>${badge('good', noRemarks)}</p>`;
  return html`<ul class="plain-list">${remarks.map(
    (one) =>
      html`<li>${badge(SEVERITY_TONES[one.severity], severity[one.severity])} ${one.text}</li>`,
  )}</ul>`;
}

function statementOf({ statement }: Surveyed, { text }: PageRequest): Html | null {
  if (statement === null) return null;
  const accepts = Object.entries(statement.accepts).map(
    ([name, words]) => [name, words.join(', ')] as const,
  );
  return section(
    text.partners.adding.statement,
    html`<p>${statement.reason}</p>`,
    facts([...accepts, [text.partners.facts.contact, statement.contact]]),
  );
}

interface Choice {
  readonly values: ReadonlyMap<RecordField, string>;
  readonly faults: readonly FieldFault[];
  readonly refusal: string | null;
  readonly reason: string;
  /** Null once the form came back: the certificates then stand in its text. */
  readonly found: Surveyed | null;
}

async function chooseForm(request: PageRequest, choice: Choice): Promise<Html> {
  const { csrf, text, desk } = request;
  const { adding } = text.partners;
  const { found } = choice;
  const isOk = choice.refusal === null && choice.faults.length === 0;
  return html`${isOk ? null : faultNotice(request, choice)}<div class="wide">${form({
    action: '/partners/add/draft',
    csrf,
    submit: adding.next,
    body: html`<input type="hidden" name="seen" value="${await desk.policy.tag()}">${
      found === null ? null : section(adding.certificates, foundTable(found, request))
    }<section class="card"><h2>${adding.choose}</h2><p class="quiet">${adding.chooseHint}</p>${recordFields({ ...choice, text })}${reasonField(request, choice, 'reason')}</section>`,
  })}</div>`;
}

const WORTH_TONES: Readonly<Record<Surveyed['certificates'][number]['worth'], Tone>> = {
  trusted: 'good',
  dnssec: 'good',
  unproven: 'warn',
  untrusted: 'bad',
  revoked: 'bad',
  expired: 'bad',
  misnamed: 'bad',
  malformed: 'bad',
};

/** Each certificate once, by its fingerprint. Ticked by nobody but the admin. */
export function foundTable({ certificates }: Surveyed, { text }: PageRequest): HtmlValue {
  const { adding, columns } = text.partners;
  const once = certificates.filter(
    (one, at) =>
      certificates.findIndex(({ fingerprint }) => fingerprint === one.fingerprint) === at,
  );
  return html`<p>${adding.certificatesHint}</p>${table({
    caption: adding.certificates,
    empty: adding.noCertificates,
    rows: once,
    columns: [
      {
        title: columns.subject,
        cell: ({ subject, addresses, role }) =>
          html`<span class="value">${subject}</span><br><span class="quiet">${addresses.join(', ')} ${adding.role[role]}</span>`,
      },
      {
        title: columns.from,
        cell: ({ door, source }) => html`${door}<br><span class="quiet value">${source}</span>`,
      },
      {
        title: columns.worth,
        cell: ({ worth, reason }) =>
          html`${badge(WORTH_TONES[worth], adding.worth[worth])}<br><span class="quiet">${reason}</span>`,
      },
      {
        title: columns.until,
        cell: ({ notAfter }) => (notAfter === '' ? '' : time(notAfter)),
        narrow: true,
      },
      {
        title: columns.certificates,
        cell: ({ pem, fingerprint }) =>
          pem === ''
            ? null
            : html`<span class="hash">${checkbox({ name: 'trust.pinned', label: adding.pin(fingerprint), value: pem })}</span>`,
      },
    ],
  })}`;
}

async function draft(request: PageRequest): Promise<PageAnswer> {
  const { desk, actor, form: sent, text } = request;
  const { reason, faults: ofReason } = reasonOf(request, 'reason');
  const again = async (
    more: readonly FieldFault[],
    refusal: string | null,
  ): Promise<PageAnswer> => {
    const faults = [...ofReason, ...more];
    const choice = { values: valuesOf(sent), faults, refusal, reason, found: null };
    const body = html`${steps(1, request)}${await chooseForm(request, choice)}`;
    return { kind: 'page', title: text.partners.adding.title, body, status: 422 };
  };
  if (reason === '') return await again([], null);
  const seen = sent.get('seen') ?? '';
  const record = withForm({}, sent);
  const drafted = await desk.partners.edit(actor, { name: null, record, reason, seen });
  switch (drafted.kind) {
    case 'written':
      return { kind: 'redirect', to: `/policy/${drafted.version}`, notice: 'partner-drafted' };
    case 'invalid':
      return await again(drafted.faults, null);
    case 'changed':
    case 'unknown':
      return await again([], text.partners.edit.changed);
  }
}

export const partnerAddPages: readonly Page[] = [
  {
    method: 'GET',
    path: '/partners/add/domain',
    permission: 'policy.propose',
    answer: async (request) => askDomain(request, request.query.get('domain') ?? '', null),
  },
  { method: 'POST', path: '/partners/add/look', permission: 'policy.propose', answer: look },
  { method: 'POST', path: '/partners/add/draft', permission: 'policy.propose', answer: draft },
];
