import type { OrderDone, QueueDesk } from '../desk/queue.ts';
import { type Html, html } from '../html.ts';
import type { NoticeKey } from '../texts/en/notices.ts';
import { messageLink } from './mail-parts.ts';
import type { PageAnswer, PageRequest } from './page.ts';
import { notice } from './parts.ts';

/** Where a message is looked for: each has its own words for the same answers. */
export type QueuePlace = 'hold' | 'queue';

type Shown = Awaited<ReturnType<QueueDesk['show']>>;
export type ShownMessage = Extract<Shown, { kind: 'entry' }>;

function idOf({ params }: PageRequest): string {
  return params['id'] ?? '';
}

/** A page about one message; what is not there, or cannot be asked for, is said in words. */
export async function messagePage(
  place: QueuePlace,
  request: PageRequest,
  pageOf: (shown: ShownMessage) => { readonly title: string; readonly body: Html },
): Promise<PageAnswer> {
  const { queue } = request.desk;
  const id = idOf(request);
  const shown = await (place === 'hold' ? queue.viewHeld(request.actor, id) : queue.show(id));
  return shown.kind === 'entry'
    ? { kind: 'page', ...pageOf(shown) }
    : notThere(shown, place, request);
}

function notThere(
  answer: Exclude<Shown, { kind: 'entry' }>,
  place: QueuePlace,
  request: PageRequest,
): PageAnswer {
  const { queue, [place]: words } = request.text;
  const id = idOf(request);
  if (answer.kind === 'away') {
    const body = answer.parts.map((part) => notice('bad', queue.awayOrder(queue.parts[part])));
    return { kind: 'page', title: words.message(id), status: 503, body: html`${body}` };
  }
  const body = html`<p>${words.goneSentence}</p><p>${messageLink(id, words.story)}</p>`;
  return { kind: 'page', title: words.gone, status: 404, body };
}

/** What came of an order: back to the list, or why it was not done. */
export function orderAnswer(
  answer: OrderDone,
  of: { readonly place: QueuePlace; readonly done: NoticeKey },
  request: PageRequest,
): PageAnswer {
  const { place, done } = of;
  switch (answer.kind) {
    case 'done':
      return { kind: 'redirect', to: `/${place}`, notice: done };
    case 'refused': {
      const words = request.text[place];
      const id = idOf(request);
      const body = html`${notice('bad', words.refused(answer.sentence))}<p>${messageLink(id, words.story)}</p>`;
      return { kind: 'page', title: words.message(id), status: 409, body };
    }
    default:
      return notThere(answer, place, request);
  }
}
