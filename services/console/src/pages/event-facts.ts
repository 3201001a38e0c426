import type { RecordedEvent } from '@sallyport/audit-log';
import { type Html, html } from '../html.ts';
import type { PageRequest } from './page.ts';
import { facts } from './parts.ts';

const MAX_CHARS = 4_096;

/** Everything that an event says, by the names of the log (docs/reference/events.md). */
export function eventFacts(event: RecordedEvent, { text, actor }: PageRequest): Html {
  const { messages } = text;
  const link = actor.permissions.has('audit.read')
    ? html`<a href="/audit/events/${event.index}">${messages.event(event.index)}</a>`
    : messages.event(event.index);
  return html`<p>${link}</p>${facts([
    ...Object.entries(event.facts).map(([name, value]) => [name, shown(value)] as const),
    ...Object.entries(event.personal).map(
      ([name, value]) => [name, value ?? messages.withheld] as const,
    ),
  ])}`;
}

function shown(value: unknown): Html {
  const words = typeof value === 'string' ? value : JSON.stringify(value);
  return html`<code>${words.slice(0, MAX_CHARS)}</code>`;
}
