import type { RecordedEvent } from '@sallyport/audit-log';
import { applyEvent, partnerDomainsIn } from './message-events.ts';
import { addDomains, firstState } from './message-state.ts';
import type { IndexStore } from './store.ts';
import { addressesOf, domainOf, forwardPathsOf } from './terms.ts';

/** Notes what an event means for the message that it is of. */
export function noteEvent(event: RecordedEvent, at: number, store: IndexStore): void {
  if (event.queueId === null) return;
  if (event.kind === 'accepted') {
    begin(event, at, store);
    return;
  }
  if (event.kind === 'dsn-created') beginReport(event, at, store);
  const message = store.messageOf(event.queueId);
  if (message === null) return;
  const made = applyEvent(message.state, event);
  for (const child of made) store.addLink({ child, parent: event.queueId, isReport: false });
  const domains = addDomains(message.state, partnerDomainsIn(message.state, event));
  if (domains.length > 0) store.addMessageTerms(message.index, { addresses: [], domains });
  store.changed(message);
}

function begin(event: RecordedEvent, at: number, store: IndexStore): void {
  const { queueId, personal } = event;
  if (queueId === null) return;
  const state = firstState(event, forwardPathsOf(personal));
  addDomains(state, partnerDomainsIn(state, event));
  if (!store.addMessage({ index: event.index, queueId, at, state })) return;
  const addresses = addressesOf(personal);
  const domains = [...state.domains, ...addresses.map(domainOf)];
  store.addMessageTerms(event.index, { addresses, domains });
}

/** A report of ours is a message of its own; that of which it tells does not wait for it. */
function beginReport(event: RecordedEvent, at: number, store: IndexStore): void {
  const { dsnId } = event.facts;
  if (typeof dsnId !== 'string' || event.queueId === null) return;
  const state = firstState({ ...event, facts: { origin: 'gateway', recipients: 1 } }, null);
  store.addMessage({ index: event.index, queueId: dsnId, at, state });
  store.addLink({ child: dsnId, parent: event.queueId, isReport: true });
}
