import { valueTexts } from '@sallyport/policy';
import { baseOf } from '../desk/partner-domains.ts';
import type { PartnerView } from '../desk/partners.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { describedViews } from './certificate-view.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { partnerListPage } from './partner-list.ts';
import { lastMailCell, partnerPath, troubleList } from './partner-parts.ts';
import { badge, facts, notice, section, type Tone, table, time } from './parts.ts';
import { changesTable } from './policy-parts.ts';

async function show(request: PageRequest): Promise<PageAnswer> {
  const view = await request.desk.partners.show(request.params['name'] ?? '');
  if (view === null) return { kind: 'not-found' };
  const { text } = request;
  const { sections, noCertificates } = text.partners;
  const certificates =
    view.certificates?.certificates.length === 0
      ? html`<p>${noCertificates}</p>`
      : describedViews(view.certificates, text);
  const body = html`${actionsOf(view, request)}<div class="cards">${section(sections.state, stateOf(view, text))}${section(
    sections.agreement,
    agreementOf(view, text),
  )}</div>${section(sections.certificates, certificates)}${keyChangesOf(view, request)}${section(sections.sessions, sessionsOf(view, text))}${section(
    sections.messages,
    messagesOf(view, text),
  )}${section(sections.rules, html`<p class="quiet">${text.partners.sections.rulesHint}</p>`, valuesOf(view, text))}${section(
    sections.history,
    historyOf(view, text),
  )}${section(
    sections.text,
    html`<details><summary>${sections.text}</summary><pre tabindex="0"><code>${view.text}</code></pre></details>`,
  )}`;
  return { kind: 'page', title: view.partner.name, body };
}

function actionsOf(view: PartnerView, { text, actor }: PageRequest): Html {
  const { actions, busy } = text.partners;
  const { name, domains } = view.partner;
  const domain = view.domain ?? baseOf(domains[0] ?? '');
  const may = (permission: Parameters<typeof actor.permissions.has>[0], link: Html): Html | null =>
    actor.permissions.has(permission) ? html`<li>${link}</li>` : null;
  const simulate = new URLSearchParams({ to: `postmaster@${domain}` }).toString();
  const messages = new URLSearchParams({ domain }).toString();
  return html`<ul class="actions">${may('policy.propose', html`<a class="button" href="${partnerPath(name, 'edit')}">${actions.edit}</a>`)}${may(
    'simulate',
    html`<a data-busy="${busy}" href="${partnerPath(name, 'certificates')}">${actions.certificates}</a>`,
  )}${may('policy.propose', html`<a data-busy="${busy}" href="${partnerPath(name, 'found')}">${actions.found}</a>`)}${may('simulate', html`<a data-busy="${busy}" href="${partnerPath(name, 'servers')}">${actions.probe}</a>`)}${may(
    'simulate',
    html`<a href="/simulate?${simulate}">${actions.simulate}</a>`,
  )}${may('message.read', html`<a href="/messages?${messages}">${actions.messages}</a>`)}${may(
    'partner.read',
    html`<a download href="${partnerPath(name, 'sheet')}">${actions.sheet}</a>`,
  )}${may('partner.read', html`<a download href="${partnerPath(name, 'sheet.txt')}">${actions.sheetText}</a>`)}</ul>`;
}

function stateOf({ row, version }: PartnerView, text: Catalogue): Html {
  const { columns, facts: names, encrypt, signature, never } = text.partners;
  return facts([
    [columns.trouble, troubleList(row.trouble, text)],
    [
      names.domains,
      html`<ul class="values">${row.domains.map((one) => html`<li>${one}</li>`)}</ul>`,
    ],
    [columns.protection, html`${encrypt[row.encrypt]}, ${signature[row.signature]}`],
    [columns.tls, html`<code>${row.tlsLevel}</code>`],
    [columns.lastMail, lastMailCell(row.lastMail, never)],
    [names.version, html`<a href="/policy/${version}">${text.policy.versionLink(version)}</a>`],
  ]);
}

function agreementOf({ partner: { agreement } }: PartnerView, text: Catalogue): Html {
  const { facts: names, noAgreement } = text.partners;
  if (agreement === undefined) return html`<p>${noAgreement}</p>`;
  return facts([
    [names.id, agreement.id],
    [names.asserts, agreement.asserts],
    [names.validUntil, agreement.validUntil],
    [names.contact, agreement.contact],
  ]);
}

const KEY_TONES: Readonly<Record<PartnerView['keyChanges'][number]['outcome'], Tone>> = {
  waits: 'warn',
  followed: 'plain',
  pinned: 'good',
};

/** Certificates that came in place of pinned ones; nothing where there were none. */
function keyChangesOf(
  { keyChanges, partner }: PartnerView,
  { text, actor }: PageRequest,
): HtmlValue {
  if (keyChanges.length === 0) return null;
  const { columns, sections, keyOutcomes, actions } = text.partners;
  const rows = table({
    caption: sections.keyChanges,
    empty: text.parts.none,
    rows: keyChanges,
    columns: [
      { title: columns.time, cell: (one) => time(one.time), narrow: true },
      {
        title: columns.outcome,
        cell: ({ outcome }) => badge(KEY_TONES[outcome], keyOutcomes[outcome]),
      },
      { title: columns.name, cell: ({ domain, direction }) => `${domain}, ${direction}` },
      {
        title: columns.certificates,
        cell: ({ certificate }) => html`<code class="hash">${certificate}</code>`,
      },
    ],
  });
  const link = actor.permissions.has('policy.propose')
    ? html`<p><a href="${partnerPath(partner.name, 'found')}">${actions.found}</a></p>`
    : null;
  return section(sections.keyChanges, rows, link);
}

function sessionsOf({ sessions, posture }: PartnerView, text: Catalogue): HtmlValue {
  const { columns, noSessions, sections, posture: title, postureOf } = text.partners;
  const levels = Object.entries(posture).map(([level, count]) =>
    badge(level === 'clear' ? 'warn' : 'plain', postureOf(level, count)),
  );
  const summary =
    levels.length === 0 ? null : html`<p>${title}: ${levels.map((one) => html`${one} `)}</p>`;
  const rows = table({
    caption: sections.sessions,
    empty: noSessions,
    rows: sessions,
    columns: [
      { title: columns.time, cell: (one) => time(one.time), narrow: true },
      { title: columns.outcome, cell: ({ kind }) => kind },
      { title: columns.server, cell: ({ mx }) => mx },
      { title: columns.session, cell: ({ tls }) => html`<span class="value">${tls}</span>` },
      { title: columns.sentence, cell: ({ sentence }) => sentence },
    ],
  });
  return [summary, rows];
}

function messagesOf({ messages }: PartnerView, text: Catalogue): Html {
  const { columns, noMessages, sections } = text.partners;
  return table({
    caption: sections.messages,
    empty: noMessages,
    rows: messages,
    columns: [
      { title: columns.time, cell: (one) => time(one.time), narrow: true },
      {
        title: columns.message,
        cell: ({ queueId }) =>
          html`<a href="/messages/${encodeURIComponent(queueId)}"><code>${queueId}</code></a>`,
      },
      { title: columns.outcome, cell: ({ origin, outcome }) => `${origin}, ${outcome}` },
      { title: columns.sentence, cell: ({ sentence }) => sentence },
    ],
  });
}

/** What the record says itself, and folded what it inherits. */
function valuesOf({ values, partner, domain }: PartnerView, text: Catalogue): Html {
  const { inherited, sections, noValues } = text.partners;
  if (domain === null) return notice('warn', noValues);
  const own = values.filter(({ source }) => source === `partner ${partner.name}`);
  const others = values.filter((one) => !own.includes(one));
  const words = inherited(others.length);
  return html`${valueTable(own, sections.rules, text)}<details><summary>${words}</summary>${valueTable(others, words, text)}</details>`;
}

function valueTable(values: PartnerView['values'], caption: string, text: Catalogue): Html {
  const { columns } = text.partners;
  return table({
    caption,
    empty: text.parts.none,
    rows: values,
    columns: [
      { title: columns.field, cell: ({ field: name }) => html`<code class="term">${name}</code>` },
      {
        title: columns.value,
        cell: ({ value }) => html`<span class="value">${shortened(value)}</span>`,
      },
      { title: columns.source, cell: ({ source }) => source },
    ],
  });
}

const MAX_SHOWN_CHARS = 400;

function shortened(value: unknown): string {
  const words = valueTexts(value).join(', ');
  return words.length > MAX_SHOWN_CHARS ? `${words.slice(0, MAX_SHOWN_CHARS)}…` : words;
}

function historyOf({ history }: PartnerView, text: Catalogue): HtmlValue {
  const { noHistory, firstSeen } = text.partners;
  if (history.length === 0) return html`<p>${noHistory}</p>`;
  return history.map(
    ({ version, time: at, by, reason, changes }) =>
      html`<details><summary>${text.policy.versionLink(version)} ${time(at)} ${by}: ${reason}</summary><p><a href="/policy/${version}">${text.policy.versionLink(version)}</a></p>${
        changes.length === 0 ? html`<p>${firstSeen}</p>` : changesTable(changes, text)
      }</details>`,
  );
}

export const partnerPages: readonly Page[] = [
  partnerListPage,
  { method: 'GET', path: '/partners/:name', permission: 'partner.read', answer: show },
];
