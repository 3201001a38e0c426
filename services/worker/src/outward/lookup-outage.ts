import type { FaultId } from '@sallyport/faults';
import { parseMailbox } from '@sallyport/mail';
import { type OutwardDecision, outwardRuleFor, policyFor } from '@sallyport/policy';
import type { Groups } from './decide-recipients.ts';
import type { ForwardEntry, Job, OutwardPorts } from './job.ts';
import type { OutwardState } from './state.ts';
import type { Wait } from './wait.ts';

/** What keeps all mail for a domain, whatever the message. */
const OUTAGES: ReadonlySet<FaultId> = new Set(['dns-failure', 'directory-unreachable']);

interface Decided {
  readonly recipient: ForwardEntry;
  readonly decision: OutwardDecision;
}

/**
 * What the message waits for without being worked on: nothing can be found out about any of its
 * domains, as another message has shown just now. Where the rule bounds the wait
 * (`lookupFailure`) the message is worked on, since it may be sent without the find.
 */
export function restOf(
  { active, header }: Pick<Job, 'active' | 'header'>,
  pending: readonly ForwardEntry[],
  ports: Pick<OutwardPorts, 'destinations'>,
): Wait | null {
  const policy = policyFor(active.policy, parseMailbox(header.reversePath)?.domain ?? null);
  let soonest: Wait | null = null;
  for (const domain of domainsOf(pending)) {
    const trouble = domain === null ? null : ports.destinations.troubleOf(domain);
    if (domain === null || trouble === null) return null;
    if (outwardRuleFor(policy, domain).outbound.encrypt === 'when-possible') return null;
    const restUntil = trouble.until;
    if (soonest?.restUntil === undefined || restUntil < soonest.restUntil) {
      soonest = { ...trouble.why, restUntil, isResting: true };
    }
  }
  return soonest;
}

/** Tells what the decisions say of the lookups for each domain. */
export function reportLookups(
  decided: readonly Decided[],
  ports: Pick<OutwardPorts, 'destinations'>,
): void {
  for (const { recipient, decision } of decided) {
    const domain = parseMailbox(recipient.path)?.domain;
    if (domain === undefined) continue;
    if (decision.kind !== 'wait' || !OUTAGES.has(decision.fault)) {
      ports.destinations.reached(domain);
    } else if (decision.waitMs === null) {
      const { fault, sentence } = decision;
      ports.destinations.failed(domain, { fault, sentence, waitMs: null });
    }
  }
}

/** When the domains are looked at again that a message waits for, if it waits for nothing else. */
export function lookedAtAgain(
  waiting: Groups['waiting'],
  ports: Pick<OutwardPorts, 'destinations'>,
): Date | undefined {
  if (waiting.some(({ decision }) => !OUTAGES.has(decision.fault))) return undefined;
  let soonest: Date | undefined;
  for (const domain of domainsOf(waiting.flatMap(({ recipients }) => recipients))) {
    const trouble = domain === null ? null : ports.destinations.troubleOf(domain);
    if (trouble === null) return undefined;
    if (soonest === undefined || trouble.until < soonest) soonest = trouble.until;
  }
  return soonest;
}

/** After a restart: what waited for a domain waits for one message that is tried alone. */
export function rememberOutage(
  destinations: OutwardPorts['destinations'],
  domain: string,
  { fault, sentence }: Pick<OutwardState, 'fault' | 'sentence'>,
): void {
  if (fault === null || !OUTAGES.has(fault)) return;
  destinations.remember(domain, { fault, sentence, waitMs: null });
}

function domainsOf(recipients: readonly ForwardEntry[]) {
  return new Set(recipients.map(({ path }) => parseMailbox(path)?.domain ?? null));
}
