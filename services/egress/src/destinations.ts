import type { FaultId } from '@sallyport/faults';
import type { DestinationHealth } from '@sallyport/queue';
import type { AttemptResult } from './attempt.ts';
import { type DeliveryState, waitingOf } from './delivery-state.ts';
import type { TlsWish } from './require-tls.ts';
import type { OutcomeFault } from './transaction-types.ts';

/** The destinations to which no way leads at present, and what the last try came to. */
export type Destinations = DestinationHealth<OutcomeFault>;

/** Faults of the way, as a state file names them. */
const OF_THE_WAY: ReadonlySet<FaultId> = new Set([
  'dns-failure',
  'next-hop-unreachable',
  'tls-handshake-failed',
  'tls-not-offered',
  'tls-not-trusted',
]);

/**
 * Tells what a try says of the way to a domain. A connection that was lost in a transaction says
 * nothing of it, else one message that makes a server fall over would keep all others waiting.
 */
export function reportWay(
  destinations: Destinations,
  domain: string,
  tried: {
    readonly tlsWish: TlsWish;
    readonly isOfPast: boolean;
    readonly results: readonly AttemptResult[];
  },
): void {
  // Such a message asks for more, or for less, than others do (RFC 8689 section 4.2).
  if (tried.tlsWish === 'demanded' || tried.tlsWish === 'optional') return;
  const [first] = tried.results;
  if (first === undefined) return;
  if (tried.results.some(({ wasReached }) => wasReached)) destinations.reached(domain);
  // A rule that has been put right since must not keep what is newer waiting behind it.
  else if (first.outcome.kind === 'deferred' && !tried.isOfPast)
    destinations.failed(domain, first.outcome);
}

/** After a restart: a message that waited for its destination waits for one that is tried alone. */
export function rememberWay(
  destinations: Destinations,
  destination: string,
  state: DeliveryState,
): void {
  const [first = 0] = waitingOf(state);
  const recipient = state.recipients[first];
  const fault = recipient?.fault ?? null;
  if (recipient === undefined || fault === null || !OF_THE_WAY.has(fault)) return;
  const { sentence } = recipient;
  destinations.remember(destination, { kind: 'deferred', fault, sentence, reply: null });
}
