import type { Metrics } from '@sallyport/log';
import { queueIdTime } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import type { SessionTls } from '@sallyport/transport';
import type { DeliveryState } from './delivery-state.ts';
import type { Tried } from './settle.ts';

/** Counts what an attempt came to, recipient by recipient. Who was not tried is not counted. */
export function countTried(
  metrics: Metrics,
  of: {
    readonly header: QueueFileHeader;
    readonly tried: readonly Tried[];
    readonly settled: DeliveryState;
    readonly now: Date;
  },
): void {
  const { header, tried, settled, now } = of;
  const direction = header.origin;
  for (const { index, result, located, isResting } of tried) {
    const status = settled.recipients[index]?.status;
    if (isResting === true && status === 'waiting') continue;
    const outcome = status === 'waiting' ? 'deferred' : status;
    if (outcome === undefined || outcome === 'dropped') continue;
    metrics.add('sallyport_deliveries_total', { direction, outcome });
    if (outcome !== 'relayed') continue;
    const { level } = located.tlsRule;
    metrics.add('sallyport_relayed_tls_total', { level, session: sessionOf(result.tls) });
    // The id of what was made of a message has the time of the message in it.
    const seconds = Math.max(0, now.getTime() - queueIdTime(header.id)) / 1_000;
    metrics.observe('sallyport_accepted_to_relayed_seconds', { direction }, seconds);
  }
}

function sessionOf(tls: SessionTls | null): 'clear' | 'encrypted' | 'authenticated' {
  if (tls === null) return 'clear';
  return tls.identity === 'none' ? 'encrypted' : 'authenticated';
}
