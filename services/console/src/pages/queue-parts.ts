import type { QueueEntry, QueuePart } from '@sallyport/ipc';
import { parseQueueId } from '@sallyport/mail';
import type { QueueDesk, QueueFilter, QueuePage } from '../desk/queue.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import type { PageRequest } from './page.ts';
import { field, notice, pager, searchForm } from './parts.ts';
import { textOf } from './search-fields.ts';

export const WAITING_STATES = ['waiting', 'active', 'paused', 'corrupt'] as const;

/** What stands in the address of a page about the queue; a state that there is not asks for nothing. */
export function readFilter(query: URLSearchParams): QueueFilter {
  const wanted = textOf(query, 'state');
  const state = WAITING_STATES.find((one) => one === wanted);
  const partner = textOf(query, 'partner');
  const recipient = textOf(query, 'recipient');
  return {
    ...(state === undefined ? {} : { state }),
    ...(partner === undefined ? {} : { partner }),
    ...(recipient === undefined ? {} : { recipient }),
  };
}

const PAGE_ROWS = 100;

/** Which page of the list; a cursor that can be none asks for the first one. */
export function queuePageOf(query: URLSearchParams): QueuePage {
  const after = parseQueueId(query.get('after') ?? '');
  return { limit: PAGE_ROWS, ...(after === null ? {} : { after }) };
}

/** The messages with what is missing among them, and the way to the next ones. */
export function queueList(
  view: Awaited<ReturnType<QueueDesk['waiting']>>,
  of: {
    readonly path: string;
    readonly rowsOf: (rows: readonly QueueEntry[], request: PageRequest) => Html;
  },
  request: PageRequest,
): Html {
  const { query, text } = request;
  if (view.kind === 'unknown-partner') {
    return notice('warn', text.queue.unknownPartner(textOf(query, 'partner') ?? ''));
  }
  const { path } = of;
  const next = pager({ path, query, next: view.after, isOldestFirst: true, text });
  return html`${awayNotices(view.away, text)}${of.rowsOf(view.entries, request)}${next}`;
}

/** The fields that queue and hold share, after those of the page itself. */
export function queueFilterForm(
  of: { readonly action: string; readonly label: string; readonly body?: HtmlValue },
  { query, text }: PageRequest,
): Html {
  const { queue } = text;
  return searchForm({
    action: of.action,
    label: of.label,
    submit: queue.show,
    body: [
      of.body,
      field({
        name: 'partner',
        label: queue.partner,
        type: 'search',
        value: query.get('partner') ?? '',
        maxLength: 320,
      }),
      field({
        name: 'recipient',
        label: queue.recipient,
        type: 'search',
        value: query.get('recipient') ?? '',
        maxLength: 320,
      }),
    ],
  });
}

/** One sentence for each part of the queue that does not answer. */
export function awayNotices(away: readonly QueuePart[], { queue }: Catalogue): Html {
  return html`${away.map((part) => notice('bad', queue.away(queue.parts[part])))}`;
}
