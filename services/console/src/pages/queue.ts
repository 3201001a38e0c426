import { FAULTS } from '@sallyport/faults';
import type { QueueEntry } from '@sallyport/ipc';
import { type Html, type HtmlValue, html } from '../html.ts';
import { forwardPaths, messageLink, reversePath } from './mail-parts.ts';
import type { Page, PageRequest } from './page.ts';
import {
  badge,
  checkbox,
  facts,
  field,
  form,
  notice,
  section,
  select,
  type Tone,
  table,
  time,
} from './parts.ts';
import { messagePage, orderAnswer, type ShownMessage } from './queue-answers.ts';
import {
  queueFilterForm,
  queueList,
  queuePageOf,
  readFilter,
  WAITING_STATES,
} from './queue-parts.ts';

const TONES: Readonly<Record<QueueEntry['state'], Tone>> = {
  waiting: 'plain',
  active: 'good',
  held: 'warn',
  paused: 'warn',
  corrupt: 'bad',
};

const list: Page = {
  method: 'GET',
  path: '/queue',
  permission: 'queue.read',
  answer: async (request) => {
    const { desk, query, text } = request;
    const [view, stopped] = await Promise.all([
      desk.queue.waiting(readFilter(query), queuePageOf(query)),
      desk.queue.stopped(),
    ]);
    return {
      kind: 'page',
      title: text.queue.title,
      body: html`${filterOf(request)}${queueList(view, { path: '/queue', rowsOf }, request)}${stoppedOf(stopped, request)}`,
    };
  },
};

function filterOf(request: PageRequest): Html {
  const { query, text } = request;
  const { queue } = text;
  const state = select({
    name: 'state',
    label: queue.state,
    value: query.get('state') ?? '',
    options: [
      ['', queue.anyState],
      ...WAITING_STATES.map((one) => [one, queue.states[one]] as const),
    ],
  });
  return queueFilterForm({ action: '/queue', label: queue.filter, body: state }, request);
}

function rowsOf(rows: readonly QueueEntry[], { text }: PageRequest): Html {
  const { queue } = text;
  return table({
    caption: queue.caption,
    empty: queue.empty,
    rows,
    columns: [
      {
        title: queue.since,
        narrow: true,
        cell: (row) => html`<a href="/queue/${row.id}">${time(row.createdAt)}</a>`,
      },
      {
        title: queue.state,
        narrow: true,
        cell: ({ state }) => badge(TONES[state], queue.states[state]),
      },
      { title: queue.from, cell: (row) => reversePath(row.reversePath, text) },
      { title: queue.to, cell: (row) => forwardPaths(row.forwardPaths, text, 2) },
      { title: queue.why, cell: (row) => row.sentence },
      {
        title: queue.next,
        narrow: true,
        cell: ({ dueAt }) => (dueAt === null ? null : time(dueAt)),
      },
    ],
  });
}

/** Destinations that an operator stopped, and the way to stop one. */
function stoppedOf(stopped: readonly string[], { actor, csrf, text }: PageRequest): Html {
  const { queue } = text;
  const mayChange = actor.permissions.has('queue.change');
  const resume = (domain: string): Html =>
    form({
      action: '/queue/destinations',
      csrf,
      submit: queue.resume,
      isInline: true,
      body: html`<input type="hidden" name="verb" value="resume"><input type="hidden" name="domain" value="${domain}">`,
    });
  const rows = stopped.map(
    (domain) => html`<li>${domain} ${mayChange ? resume(domain) : null}</li>`,
  );
  const pause = form({
    action: '/queue/destinations',
    csrf,
    submit: queue.pause,
    body: html`<input type="hidden" name="verb" value="pause">${field({ name: 'domain', label: queue.domain, hint: queue.stopHint, maxLength: 255, required: true })}`,
  });
  return section(
    queue.stopped,
    stopped.length === 0 ? html`<p class="empty">${queue.stoppedNone}</p>` : html`<ul>${rows}</ul>`,
    mayChange ? pause : null,
  );
}

const destination: Page = {
  method: 'POST',
  path: '/queue/destinations',
  permission: 'queue.change',
  answer: async ({ desk, actor, form: fields, text }) => {
    const verb = fields.get('verb') === 'resume' ? 'resume' : 'pause';
    const done = await desk.queue.stop(actor, { verb, domain: fields.get('domain') ?? '' });
    if (done.kind === 'done') {
      const words = verb === 'pause' ? 'destination-paused' : 'destination-resumed';
      return { kind: 'redirect', to: '/queue', notice: words };
    }
    const body = html`${notice('bad', text.queue.noDomain)}<p><a href="/queue">${text.queue.title}</a></p>`;
    return { kind: 'page', title: text.queue.pause, status: 422, body };
  },
};

const one: Page = {
  method: 'GET',
  path: '/queue/:id',
  permission: 'queue.read',
  answer: async (request) =>
    await messagePage('queue', request, (queued) => ({
      title: request.text.queue.message(queued.entry.id),
      body: queuedOf(queued, request),
    })),
};

function queuedOf({ entry }: ShownMessage, request: PageRequest): Html {
  const { text, actor, csrf } = request;
  const { queue } = text;
  const rows: (readonly [string, HtmlValue])[] = [
    [queue.state, badge(TONES[entry.state], queue.states[entry.state])],
    [queue.why, entry.sentence],
  ];
  if (entry.fault !== null) rows.push([queue.advice, FAULTS[entry.fault].advice]);
  rows.push(
    [queue.queueId, html`<code>${entry.id}</code>`],
    [queue.from, reversePath(entry.reversePath, text)],
    [queue.to, forwardPaths(entry.forwardPaths, text)],
    [queue.destination, entry.destination ?? text.parts.none],
    [queue.since, time(entry.createdAt)],
    [queue.next, entry.dueAt === null ? text.parts.none : time(entry.dueAt)],
    [queue.attempts, entry.attempts],
    [queue.size, queue.bytes(entry.sizeBytes)],
  );
  const actions =
    actor.permissions.has('queue.change') && entry.state !== 'corrupt'
      ? html`<div class="actions">${form({ action: `/queue/${entry.id}/retry`, csrf, submit: queue.retry, isInline: true })} <a class="button danger" href="/queue/${entry.id}/drop">${queue.drop}</a></div>`
      : null;
  return section(
    queue.facts,
    facts(rows),
    actions,
    html`<p>${messageLink(entry.id, queue.story)}</p>`,
  );
}

const askDrop: Page = {
  method: 'GET',
  path: '/queue/:id/drop',
  permission: 'queue.change',
  answer: async (request) =>
    await messagePage('queue', request, ({ entry }) => {
      const { text, csrf } = request;
      const { queue } = text;
      return {
        title: queue.dropTitle(entry.id),
        body: section(
          queue.facts,
          facts([
            [queue.from, reversePath(entry.reversePath, text)],
            [queue.to, forwardPaths(entry.forwardPaths, text)],
            [queue.why, entry.sentence],
          ]),
          html`<p>${queue.dropWill}</p>`,
          form({
            action: `/queue/${entry.id}/drop`,
            csrf,
            submit: queue.dropYes,
            danger: true,
            body: checkbox({
              name: 'notify',
              label: queue.notify,
              isChecked: entry.reversePath !== '',
            }),
          }),
          html`<p><a href="/queue/${entry.id}">${queue.keep}</a></p>`,
        ),
      };
    }),
};

const retry: Page = {
  method: 'POST',
  path: '/queue/:id/retry',
  permission: 'queue.change',
  answer: async (request) => {
    const { desk, actor, params } = request;
    const done = await desk.queue.retry(actor, params['id'] ?? '');
    return orderAnswer(done, { place: 'queue', done: 'queue-retried' }, request);
  },
};

const drop: Page = {
  method: 'POST',
  path: '/queue/:id/drop',
  permission: 'queue.change',
  answer: async (request) => {
    const { desk, actor, params, form: fields } = request;
    const notify = fields.get('notify') === 'yes';
    const done = await desk.queue.drop(actor, { id: params['id'] ?? '', notify });
    return orderAnswer(done, { place: 'queue', done: 'queue-dropped' }, request);
  },
};

export const queuePages: readonly Page[] = [list, destination, one, retry, askDrop, drop];
