import type { RecordedEvent } from '@sallyport/audit-log';
import type { LogHead } from '../desk/audit.ts';
import { type Html, html } from '../html.ts';
import { auditExportPages } from './audit-export.ts';
import { auditGuide } from './audit-guide.ts';
import { auditFields, auditQueryOf } from './audit-search.ts';
import { messageLink } from './mail-parts.ts';
import type { Page, PageRequest } from './page.ts';
import {
  badge,
  copyBlock,
  facts,
  notice,
  pager,
  searchForm,
  section,
  table,
  time,
} from './parts.ts';
import { cursorOf } from './search-fields.ts';

const PAGE_ROWS = 50;

const list: Page = {
  method: 'GET',
  path: '/audit',
  permission: 'audit.read',
  answer: async (request) => {
    const { desk, query, text } = request;
    const asked = auditQueryOf(query);
    const cursor = cursorOf(query);
    const { events, before } = await desk.audit.search({
      ...asked.query,
      ...(cursor === undefined ? {} : { before: cursor }),
      limit: PAGE_ROWS,
    });
    const head = await desk.audit.head();
    const partly = asked.isPartly ? notice('warn', text.audit.badSearch) : null;
    return {
      kind: 'page',
      title: text.audit.title,
      body: html`${headOf(head, request)}${auditSearch(request)}${partly}${rowsOf(events, request)}${pager({ path: '/audit', query, next: before, text })}`,
    };
  },
};

function headOf({ keyFingerprint, head, isSigned, damage }: LogHead, request: PageRequest): Html {
  const { text, actor, query } = request;
  const { audit } = text;
  const search = new URLSearchParams(query);
  for (const name of ['before', 'notice']) search.delete(name);
  const toExport = actor.permissions.has('audit.export')
    ? html` <a class="button" href="/audit/export?${search.toString()}">${audit.export}</a>`
    : null;
  const signed = badge(isSigned ? 'good' : 'bad', isSigned ? audit.signed : audit.notSigned);
  return section(
    audit.head,
    damage === null ? null : notice('bad', audit.damage(damage.segment, damage.line)),
    facts([
      [
        audit.keyFingerprint,
        keyFingerprint === null ? audit.keyNone : html`<code>${keyFingerprint}</code>`,
      ],
      ...(head === null
        ? [[audit.size, audit.noHead] as const]
        : ([
            [audit.size, head.size],
            [audit.root, html`<code>${head.root}</code>`],
            [audit.headTime, html`${time(head.time)} ${signed}`],
          ] as const)),
    ]),
    html`<p class="actions">${head === null ? null : html`<a class="button" href="/audit/head" download>${audit.checkpoint}</a>`}${toExport} <a class="button" href="/audit/guide">${audit.guide}</a></p>`,
  );
}

function auditSearch(request: PageRequest): Html {
  const { audit } = request.text;
  const body = auditFields(request);
  return searchForm({ action: '/audit', label: audit.search, submit: audit.find, body });
}

function rowsOf(rows: readonly RecordedEvent[], { text }: PageRequest): Html {
  const { audit } = text;
  return table({
    caption: audit.caption,
    empty: audit.empty,
    rows,
    columns: [
      {
        title: audit.number,
        narrow: true,
        cell: ({ index }) => html`<a href="/audit/events/${index}">${index}</a>`,
      },
      { title: audit.time, narrow: true, cell: (row) => time(row.time) },
      { title: audit.kind, narrow: true, cell: ({ kind }) => html`<code>${kind}</code>` },
      {
        title: audit.message,
        narrow: true,
        cell: ({ queueId }) => (queueId === null ? null : messageLink(queueId)),
      },
      { title: audit.says, cell: (row) => html`<span class="value">${summaryOf(row)}</span>` },
      { title: audit.by, cell: ({ personal }) => personal['by'] },
    ],
  });
}

const MAX_SUMMARY = 300;
const MAX_VALUE = 40;

/** A digest is told from others by its beginning; its event has all of it. */
function shortened(value: string): string {
  return value.length > MAX_VALUE && !value.includes(' ') ? `${value.slice(0, 16)}…` : value;
}

/** The sentence if there is one; else the plain facts in a row. */
function summaryOf({ facts: all }: RecordedEvent): string {
  const { sentence } = all;
  if (typeof sentence === 'string') return sentence;
  return Object.entries(all)
    .flatMap(([name, value]) =>
      ['string', 'number', 'boolean'].includes(typeof value)
        ? [`${name}=${shortened(String(value))}`]
        : [],
    )
    .join(' ')
    .slice(0, MAX_SUMMARY);
}

const event: Page = {
  method: 'GET',
  path: '/audit/events/:index',
  permission: 'audit.read',
  answer: async (request) => {
    const { desk, params, text } = request;
    const number = indexOf(params['index']);
    const found = number === null ? null : await desk.audit.event(number);
    if (found === null) return { kind: 'not-found' };
    return { kind: 'page', title: text.audit.event(found.index), body: eventOf(found, request) };
  },
};

/** @returns null if it is not the number of an event. */
function indexOf(given: string | undefined): number | null {
  return given !== undefined && /^\d{1,15}$/.test(given) ? Number(given) : null;
}

function eventOf(found: RecordedEvent, { text, actor }: PageRequest): Html {
  const { audit } = text;
  const { queueId } = found;
  const history =
    queueId !== null && actor.permissions.has('message.read')
      ? html`<p>${messageLink(queueId, audit.history)}</p>`
      : null;
  const personal = Object.entries(found.personal);
  return html`${section(
    audit.facts,
    facts([
      [audit.kind, html`<code>${found.kind}</code>`],
      [audit.time, time(found.time)],
      ...(queueId === null ? [] : [[audit.queueId, html`<code>${queueId}</code>`] as const]),
      ...Object.entries(found.facts).map(
        ([name, value]) =>
          [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
      ),
    ]),
    history,
  )}${
    personal.length === 0
      ? null
      : section(
          audit.personal,
          facts(personal.map(([name, value]) => [name, value ?? audit.withheld] as const)),
          html`<p class="hint">${audit.personalHint}</p>`,
        )
  }${section(
    audit.proof,
    html`<p>${audit.proofHint}</p><p class="actions"><a class="button" href="/audit/events/${found.index}/proof" download>${audit.download}</a></p>`,
  )}${section(audit.leaf, html`<p class="hint">${audit.leafHint}</p>`, copyBlock(found.leaf, text))}`;
}

const proof: Page = {
  method: 'GET',
  path: '/audit/events/:index/proof',
  permission: 'audit.read',
  answer: async ({ desk, params, text }) => {
    const number = indexOf(params['index']);
    if (number === null) return { kind: 'not-found' };
    const answer = await desk.audit.proof(number);
    if (answer.kind === 'proof') {
      const bytes = `${JSON.stringify(answer.proof, null, 2)}\n`;
      return { kind: 'file', type: 'application/json', name: `event-${number}-proof.json`, bytes };
    }
    const body = notice('bad', text.audit.proofMissing[answer.kind]);
    return { kind: 'page', title: text.audit.event(number), status: 404, body };
  },
};

const checkpoint: Page = {
  method: 'GET',
  path: '/audit/head',
  permission: 'audit.read',
  answer: async ({ desk }) => {
    const { head } = await desk.audit.head();
    if (head === null) return { kind: 'not-found' };
    const bytes = `${JSON.stringify(head)}\n`;
    return { kind: 'file', type: 'application/json', name: `checkpoint-${head.size}.json`, bytes };
  },
};

export const auditPages: readonly Page[] = [
  list,
  event,
  proof,
  checkpoint,
  auditGuide,
  ...auditExportPages,
];
