import type { DnsAnswer, DnsFailureReason } from '../dns/records.ts';
import type { DoorEvent, DoorName, TraceStep } from '../locate-types.ts';

/** Writes steps of one question: what is known of it, and the time since it was put. */
export type Teller = (outcome: TraceStep['outcome'], reason: string, query?: string) => DoorEvent;

/** A teller whose clock starts now. */
export function startTelling(asked: {
  readonly door: DoorName;
  readonly query: string;
  readonly server?: string;
}): Teller {
  const started = performance.now();
  return (outcome, reason, query = asked.query) => ({
    kind: 'step',
    step: { ...asked, query, outcome, reason, tookMs: Math.round(performance.now() - started) },
  });
}

/** A sentence for each way in which the DNS gives no answer. */
export const DNS_FAILURES: Readonly<Record<DnsFailureReason, string>> = {
  servfail: 'the DNS failed, or its DNSSEC proof is broken',
  timeout: 'the DNS did not answer in time',
  refused: 'the DNS refused to answer',
  malformed: 'the DNS answer cannot be read',
};

/** A sentence for each way in which the DNS says that there is nothing. */
export const DNS_ABSENCES = {
  nxdomain: 'there is no such name',
  nodata: 'the name has no such record',
} as const;

/** What a door says where the DNS has no records for it. */
export function* tellNone(
  tell: Teller,
  answer: Exclude<DnsAnswer<never>, { kind: 'answer' }>,
): Generator<DoorEvent> {
  if (answer.kind === 'none') {
    yield tell('nothing', DNS_ABSENCES[answer.reason]);
  } else {
    yield tell('failed', DNS_FAILURES[answer.reason]);
    yield { kind: 'unavailable', fault: 'dns-failure' };
  }
}
