import { FAULTS } from '@sallyport/faults';
import type { QueueEntry } from '@sallyport/ipc';
import { type Html, type HtmlValue, html } from '../html.ts';
import { forwardPaths, messageLink, reversePath } from './mail-parts.ts';
import type { Page, PageRequest } from './page.ts';
import { checkbox, facts, form, notice, section, table, time } from './parts.ts';
import { messagePage, orderAnswer, type ShownMessage } from './queue-answers.ts';
import { queueFilterForm, queueList, queuePageOf, readFilter } from './queue-parts.ts';

const list: Page = {
  method: 'GET',
  path: '/hold',
  permission: 'hold.read',
  answer: async (request) => {
    const { desk, query, text } = request;
    const { state: _, ...filter } = readFilter(query);
    const view = await desk.queue.held(filter, queuePageOf(query));
    const list = { action: '/hold', label: text.hold.filter };
    return {
      kind: 'page',
      title: text.hold.title,
      body: html`<p class="quiet">${text.hold.intro}</p>${queueFilterForm(list, request)}${queueList(view, { path: '/hold', rowsOf }, request)}`,
    };
  },
};

function rowsOf(rows: readonly QueueEntry[], { text }: PageRequest): Html {
  const { hold } = text;
  return table({
    caption: hold.caption,
    empty: hold.empty,
    rows,
    columns: [
      {
        title: hold.since,
        narrow: true,
        cell: (row) => html`<a href="/hold/${row.id}">${time(row.createdAt)}</a>`,
      },
      { title: hold.from, cell: (row) => reversePath(row.reversePath, text) },
      { title: hold.to, cell: (row) => forwardPaths(row.forwardPaths, text, 2) },
      { title: hold.why, cell: (row) => row.sentence },
      {
        title: hold.ends,
        narrow: true,
        cell: (row) => (row.expiresAt === undefined ? null : time(row.expiresAt)),
      },
    ],
  });
}

const one: Page = {
  method: 'GET',
  path: '/hold/:id',
  permission: 'hold.read',
  answer: async (request) =>
    await messagePage('hold', request, (held) => ({
      title: request.text.hold.message(held.entry.id),
      body: heldOf(held, request),
    })),
};

function heldOf({ entry, details }: ShownMessage, request: PageRequest): Html {
  const { text, actor } = request;
  const { hold, messages } = text;
  const known = entry.fault === null ? null : FAULTS[entry.fault];
  const why: (readonly [string, HtmlValue])[] = [[hold.why1, entry.sentence]];
  if (known !== null) why.push([hold.means, known.text], [hold.whatToDo, known.advice]);
  why.push([hold.whoMay, entry.release ?? messages.whoMayWords]);
  if (entry.expiresAt !== undefined) why.push([hold.ends, time(entry.expiresAt)]);
  const actions = actor.permissions.has('hold.release')
    ? html`<p class="actions"><a class="button primary" href="/hold/${entry.id}/release">${hold.release}</a> <a class="button danger" href="/hold/${entry.id}/drop">${hold.drop}</a></p>`
    : html`<p class="quiet">${hold.notYou}</p>`;
  return html`${notice('warn', facts(why))}${actions}${section(
    hold.facts,
    facts([
      [hold.queueId, html`<code>${entry.id}</code>`],
      [hold.from, reversePath(entry.reversePath, text)],
      [hold.to, forwardPaths(entry.forwardPaths, text)],
      [hold.since, time(entry.createdAt)],
      [hold.size, hold.bytes(entry.sizeBytes)],
      ...originOf(details, request),
    ]),
    html`<p>${messageLink(entry.id, hold.story)}</p>`,
  )}<p class="quiet">${hold.noContent}</p>`;
}

function originOf(
  { origin }: ShownMessage['details'],
  { text }: PageRequest,
): (readonly [string, string])[] {
  if (origin !== 'outward' && origin !== 'inward' && origin !== 'gateway') return [];
  return [[text.hold.origin, text.messages.origins[origin]]];
}

/** What the message is, above a question about it. */
function subjectOf({ entry }: ShownMessage, { text }: PageRequest): Html {
  const { hold } = text;
  return facts([
    [hold.from, reversePath(entry.reversePath, text)],
    [hold.to, forwardPaths(entry.forwardPaths, text)],
    [hold.why, entry.sentence],
  ]);
}

const askRelease: Page = {
  method: 'GET',
  path: '/hold/:id/release',
  permission: 'hold.release',
  answer: async (request) =>
    await messagePage('hold', request, (held) => {
      const { hold } = request.text;
      const { id } = held.entry;
      const isInward = held.details['origin'] === 'inward';
      return {
        title: hold.releaseTitle(id),
        body: section(
          hold.facts,
          subjectOf(held, request),
          html`<p>${isInward ? hold.releaseInward : hold.releaseOutward}</p>`,
          form({ action: `/hold/${id}/release`, csrf: request.csrf, submit: hold.releaseYes }),
          html`<p><a href="/hold/${id}">${hold.keep}</a></p>`,
        ),
      };
    }),
};

const askDrop: Page = {
  method: 'GET',
  path: '/hold/:id/drop',
  permission: 'hold.release',
  answer: async (request) =>
    await messagePage('hold', request, (held) => {
      const { hold } = request.text;
      const { id } = held.entry;
      return {
        title: hold.dropTitle(id),
        body: section(
          hold.facts,
          subjectOf(held, request),
          html`<p>${hold.dropWill}</p>`,
          form({
            action: `/hold/${id}/drop`,
            csrf: request.csrf,
            submit: hold.dropYes,
            danger: true,
            body: notifyField(held, request),
          }),
          html`<p><a href="/hold/${id}">${hold.keep}</a></p>`,
        ),
      };
    }),
};

/** Mail from outside gets no report: its author is not proven, and would be told of somebody else's. */
function notifyField({ entry, details }: ShownMessage, { text }: PageRequest): Html {
  const { hold } = text;
  if (details['origin'] === 'inward') return html`<p class="hint">${hold.notifyNever}</p>`;
  return checkbox({ name: 'notify', label: hold.notify, isChecked: entry.reversePath !== '' });
}

const release: Page = {
  method: 'POST',
  path: '/hold/:id/release',
  permission: 'hold.release',
  answer: async (request) => {
    const { desk, actor, params } = request;
    const done = await desk.queue.release(actor, params['id'] ?? '');
    return orderAnswer(done, { place: 'hold', done: 'held-released' }, request);
  },
};

const drop: Page = {
  method: 'POST',
  path: '/hold/:id/drop',
  permission: 'hold.release',
  answer: async (request) => {
    const { desk, actor, params, form: fields } = request;
    const notify = fields.get('notify') === 'yes';
    const done = await desk.queue.dropHeld(actor, { id: params['id'] ?? '', notify });
    return orderAnswer(done, { place: 'hold', done: 'held-dropped' }, request);
  },
};

export const holdPages: readonly Page[] = [list, one, askRelease, release, askDrop, drop];
