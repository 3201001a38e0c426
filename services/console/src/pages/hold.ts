import { FAULTS } from '@sallyport/faults';
import type { QueueEntry } from '@sallyport/ipc';
import type { OrderDone, QueueDesk } from '../desk/queue.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import { forwardPaths, messageLink, reversePath } from './mail-parts.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { checkbox, facts, form, notice, section, table, time } from './parts.ts';
import { awayNotices, queueFilterForm, readFilter } from './queue-parts.ts';

const list: Page = {
  method: 'GET',
  path: '/hold',
  permission: 'hold.read',
  answer: async (request) => {
    const { desk, query, text } = request;
    const { partner, recipient } = readFilter(query);
    const view = await desk.queue.held({
      ...(partner === undefined ? {} : { partner }),
      ...(recipient === undefined ? {} : { recipient }),
    });
    const body =
      view.kind === 'view'
        ? html`${awayNotices(view.away, text)}${view.more ? notice('warn', text.queue.more(view.entries.length)) : null}${rowsOf(view.entries, request)}`
        : notice('warn', text.queue.unknownPartner(partner ?? ''));
    const filter = queueFilterForm({ action: '/hold', label: text.hold.filter }, request);
    return {
      kind: 'page',
      title: text.hold.title,
      body: html`<p class="quiet">${text.hold.intro}</p>${filter}${body}`,
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

type Shown = Awaited<ReturnType<QueueDesk['viewHeld']>>;
type HeldEntry = Extract<Shown, { kind: 'entry' }>;

/** A page about one held message; what is not in hold, or cannot be asked for, is said in words. */
async function withHeld(
  request: PageRequest,
  pageOf: (held: HeldEntry) => { readonly title: string; readonly body: Html },
): Promise<PageAnswer> {
  const { desk, actor, params } = request;
  const id = params['id'] ?? '';
  const shown = await desk.queue.viewHeld(actor, id);
  return shown.kind === 'entry' ? { kind: 'page', ...pageOf(shown) } : notHeld(shown, id, request);
}

function notHeld(
  answer: Exclude<Shown, { kind: 'entry' }>,
  id: string,
  { text }: PageRequest,
): PageAnswer {
  const { hold } = text;
  if (answer.kind === 'away') {
    const body = answer.parts.map((part) => notice('bad', hold.away(text.queue.parts[part])));
    return { kind: 'page', title: hold.message(id), status: 503, body: html`${body}` };
  }
  const link = html`<p>${messageLink(id, hold.story)}</p>`;
  const body = html`<p>${hold.goneSentence}</p>${link}`;
  return { kind: 'page', title: hold.gone, status: 404, body };
}

const one: Page = {
  method: 'GET',
  path: '/hold/:id',
  permission: 'hold.read',
  answer: async (request) =>
    await withHeld(request, (held) => ({
      title: request.text.hold.message(held.entry.id),
      body: heldOf(held, request),
    })),
};

function heldOf({ entry, details }: HeldEntry, request: PageRequest): Html {
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
  { origin }: HeldEntry['details'],
  { text }: PageRequest,
): (readonly [string, string])[] {
  if (origin !== 'outward' && origin !== 'inward' && origin !== 'gateway') return [];
  return [[text.hold.origin, text.messages.origins[origin]]];
}

/** What the message is, above a question about it. */
function subjectOf({ entry }: HeldEntry, { text }: PageRequest): Html {
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
    await withHeld(request, (held) => {
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
    await withHeld(request, (held) => {
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
            body: html`${checkbox({ name: 'notify', label: hold.notify, isChecked: held.entry.reversePath !== '' })}<p class="hint">${hold.notifyHint}</p>`,
          }),
          html`<p><a href="/hold/${id}">${hold.keep}</a></p>`,
        ),
      };
    }),
};

function orderAnswer(
  answer: OrderDone,
  request: PageRequest,
  done: 'held-released' | 'held-dropped',
): PageAnswer {
  const { text, params } = request;
  const id = params['id'] ?? '';
  switch (answer.kind) {
    case 'done':
      return { kind: 'redirect', to: '/hold', notice: done };
    case 'refused': {
      const body = html`${notice('bad', text.hold.refused(answer.sentence))}<p>${messageLink(id, text.hold.story)}</p>`;
      return { kind: 'page', title: text.hold.message(id), status: 409, body };
    }
    default:
      return notHeld(answer, id, request);
  }
}

const release: Page = {
  method: 'POST',
  path: '/hold/:id/release',
  permission: 'hold.release',
  answer: async (request) => {
    const { desk, actor, params } = request;
    const done = await desk.queue.release(actor, params['id'] ?? '');
    return orderAnswer(done, request, 'held-released');
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
    return orderAnswer(done, request, 'held-dropped');
  },
};

export const holdPages: readonly Page[] = [list, one, askRelease, release, askDrop, drop];
