import { MESSAGE_OUTCOMES, type MessageSummary } from '@sallyport/audit-index';
import type { FoundMessages, HeldReason, MessageSearch, MessageStory } from '../desk/messages.ts';
import { type Html, html } from '../html.ts';
import { forwardPaths, messageLink, outcomeBadge, reversePath, ruleOf } from './mail-parts.ts';
import { messageSteps } from './message-steps.ts';
import type { Page, PageRequest } from './page.ts';
import { facts, field, notice, pager, searchForm, section, select, table, time } from './parts.ts';
import { cursorOf, textOf, textsOf, timeOf } from './search-fields.ts';

const PAGE_ROWS = 50;

interface Asked {
  readonly query: MessageSearch;
  /** Some field could not be read and was left out. */
  readonly isPartly: boolean;
}

function askedOf({ query }: PageRequest): Asked {
  const since = timeOf(query, 'since');
  const until = timeOf(query, 'until');
  const wanted = textOf(query, 'outcome');
  const outcome = MESSAGE_OUTCOMES.find((one) => one === wanted);
  const before = cursorOf(query);
  const isPartly =
    since === null || until === null || (wanted !== undefined && outcome === undefined);
  const texts = {
    queueId: 'id',
    address: 'address',
    partner: 'partner',
    domain: 'domain',
  } as const;
  return {
    isPartly,
    query: {
      ...textsOf(query, texts),
      ...(since instanceof Date ? { since } : {}),
      ...(until instanceof Date ? { until } : {}),
      ...(outcome === undefined ? {} : { outcome }),
      ...(before === undefined ? {} : { before }),
      limit: PAGE_ROWS,
    },
  };
}

const list: Page = {
  method: 'GET',
  path: '/messages',
  permission: 'message.read',
  answer: async (request) => {
    const { desk, text } = request;
    const asked = askedOf(request);
    const found = await desk.messages.search(asked.query);
    return {
      kind: 'page',
      title: text.messages.title,
      body: html`${searchOf(request)}${
        asked.isPartly ? notice('warn', text.messages.badSearch) : null
      }${foundOf(found, request)}`,
    };
  },
};

function foundOf(found: FoundMessages, request: PageRequest): Html {
  const { query, text } = request;
  switch (found.kind) {
    case 'page': {
      const next = pager({ path: '/messages', query, next: found.before, text });
      return html`${rowsOf(found.messages, request)}${next}`;
    }
    case 'unknown-partner':
      return notice('warn', text.queue.unknownPartner(textOf(query, 'partner') ?? ''));
    case 'many-domains':
      return notice('warn', text.messages.manyDomains);
  }
}

function searchOf({ query, text }: PageRequest): Html {
  const { messages } = text;
  const of = (name: string) => ({ name, value: query.get(name) ?? '' });
  return searchForm({
    action: '/messages',
    label: messages.search,
    submit: messages.find,
    body: [
      field({ ...of('id'), label: messages.queueId, type: 'search', maxLength: 20 }),
      field({ ...of('address'), label: messages.address, type: 'search', maxLength: 320 }),
      field({ ...of('partner'), label: text.queue.partner, type: 'search', maxLength: 320 }),
      field({ ...of('domain'), label: messages.domain, type: 'search', maxLength: 255 }),
      select({
        ...of('outcome'),
        label: messages.outcome,
        options: [
          ['', messages.anyOutcome],
          ...MESSAGE_OUTCOMES.map((one) => [one, messages.outcomes[one]] as const),
        ],
      }),
      field({ ...of('since'), label: messages.since, type: 'datetime-local' }),
      field({ ...of('until'), label: messages.until, type: 'datetime-local' }),
    ],
  });
}

function rowsOf(rows: readonly MessageSummary[], { text }: PageRequest): Html {
  const { messages } = text;
  return table({
    caption: messages.caption,
    empty: messages.empty,
    rows,
    columns: [
      {
        title: messages.time,
        narrow: true,
        cell: (row) => html`<a href="/messages/${row.queueId}">${time(row.time)}</a>`,
      },
      { title: messages.origin, cell: (row) => messages.origins[row.origin] },
      { title: messages.from, cell: (row) => reversePath(row.reversePath, text) },
      { title: messages.to, cell: (row) => forwardPaths(row.forwardPaths, text, 2) },
      { title: messages.outcome, narrow: true, cell: (row) => outcomeBadge(row.outcome, text) },
      { title: messages.why, cell: (row) => row.sentence },
    ],
  });
}

const one: Page = {
  method: 'GET',
  path: '/messages/:id',
  permission: 'message.read',
  answer: async (request) => {
    const { desk, params, text } = request;
    const story = await desk.messages.story(params['id'] ?? '');
    if (story === null) return { kind: 'not-found' };
    return {
      kind: 'page',
      title: text.messages.message(story.queueId),
      body: html`${story.held === null ? null : heldOf(story.held, request)}${summaryOf(story, request)}${section(
        text.messages.steps,
        messageSteps(story, request),
      )}${relatedOf(story, request)}<p class="quiet">${text.messages.noContent}</p>`,
    };
  },
};

/** Why, what to do and who may: in plain sentences, before all else. */
function heldOf({ sentence, advice, entry }: HeldReason, { actor, text }: PageRequest): Html {
  const { messages } = text;
  const link =
    entry !== null && actor.permissions.has('hold.read')
      ? html`<p class="actions"><a class="button" href="/hold/${entry.id}">${messages.decideHere}</a></p>`
      : null;
  const rows: (readonly [string, Html | string])[] = [[messages.heldTitle, sentence]];
  if (advice !== null) rows.push([messages.whatToDo, advice]);
  rows.push([messages.whoMay, entry?.release ?? messages.whoMayWords]);
  if (entry?.expiresAt !== undefined) rows.push([messages.heldUntil, time(entry.expiresAt)]);
  return notice(
    'warn',
    html`${facts(rows)}${entry === null ? html`<p>${messages.heldUnknown}</p>` : null}${link}`,
  );
}

function summaryOf({ queueId, summary, events }: MessageStory, request: PageRequest): Html | null {
  const { text } = request;
  const { messages } = text;
  if (summary === null) return null;
  const decided = events.findLast(
    ({ facts: { rule, policyVersion } }) => rule !== undefined || policyVersion !== undefined,
  );
  return section(
    messages.summary,
    facts([
      [messages.queueId, html`<code>${queueId}</code>`],
      [messages.time, time(summary.time)],
      [messages.origin, messages.origins[summary.origin]],
      [messages.from, reversePath(summary.reversePath, text)],
      [messages.to, forwardPaths(summary.forwardPaths, text)],
      [messages.outcome, html`${outcomeBadge(summary.outcome, text)} ${summary.sentence}`],
      [messages.recipients, recipientsOf(summary, request)],
      [messages.partners, summary.partnerDomains.slice(0, 20).join(', ') || text.parts.none],
      [
        messages.decidedBy,
        decided === undefined ? text.parts.none : ruleOf(decided.facts, request),
      ],
    ]),
  );
}

function recipientsOf({ recipients }: MessageSummary, { text }: PageRequest): string {
  const { total, ...states } = recipients;
  const words = Object.entries(states).flatMap(([state, count]) =>
    count === 0 ? [] : [`${count} ${text.messages.outcomes[state as keyof typeof states]}`],
  );
  return words.length === 0 ? String(total) : words.join(', ');
}

function relatedOf({ queueId, related }: MessageStory, { actor, text }: PageRequest): Html {
  const { messages } = text;
  const links = related.slice(0, 100).map((id) => html`<li>${messageLink(id)}</li>`);
  const audit = actor.permissions.has('audit.read')
    ? html`<p><a href="/audit?${new URLSearchParams({ id: queueId }).toString()}">${messages.inAudit}</a></p>`
    : null;
  return section(
    messages.related,
    related.length === 0
      ? html`<p class="empty">${messages.relatedNone}</p>`
      : html`<p class="quiet">${messages.related1}</p><ul>${links}</ul>`,
    audit,
  );
}

export const messagesPages: readonly Page[] = [list, one];
