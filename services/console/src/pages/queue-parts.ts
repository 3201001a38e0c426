import type { QueuePart } from '@sallyport/ipc';
import type { QueueFilter } from '../desk/queue.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import type { PageRequest } from './page.ts';
import { field, notice, searchForm } from './parts.ts';
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
