import { type OpenedMessage, protectedSizeEstimate, reviewState } from '@sallyport/domsec';
import { type Mailbox, never, parseMailbox } from '@sallyport/mail';
import {
  type AppliedPartner,
  decideOutward,
  type FilterFacts,
  type OutboundPolicy,
  type OutwardDecision,
  outwardRuleFor,
  type ReviewFacts,
  withListDemand,
} from '@sallyport/policy';
import type { ActivePolicy } from '@sallyport/policy-store/read';
import { locateForRecipient } from './certificates.ts';
import { listFacts, type MessageFacts } from './facts.ts';
import type { ForwardEntry, Job, OutwardPorts } from './job.ts';
import { type Treatment, treatmentKey } from './protect.ts';

interface Decided {
  readonly recipient: ForwardEntry;
  readonly decision: OutwardDecision;
}

interface DecideAllInput {
  readonly job: Job;
  readonly pending: readonly ForwardEntry[];
  readonly facts: MessageFacts;
  readonly message: OpenedMessage;
  readonly filter: FilterFacts;
}

/** Decides for each recipient; those of one domain share the lookup. */
export async function decideAll(input: DecideAllInput, ports: OutwardPorts): Promise<Decided[]> {
  const byDomain = new Map<string, Promise<OutwardDecision>>();
  return await Promise.all(
    input.pending.map(async (recipient) => {
      const mailbox = parseMailbox(recipient.path);
      if (mailbox === null) {
        const sentence = 'Returned: the recipient address is not valid.';
        return {
          recipient,
          decision: { kind: 'refuse', fault: 'mailbox-syntax', rule: 'format', sentence },
        };
      }
      const known = byDomain.get(mailbox.domain) ?? decideOne(mailbox, input, ports);
      byDomain.set(mailbox.domain, known);
      return { recipient, decision: await known };
    }),
  );
}

async function decideOne(
  recipient: Mailbox,
  input: DecideAllInput,
  ports: OutwardPorts,
): Promise<OutwardDecision> {
  const { job, facts, filter } = input;
  const list = listFacts(facts.plan);
  const rule = appliedFor(recipient, job.active, ports.ownDomains);
  // What must be encrypted needs a certificate, whatever the rule says.
  const applied = withListDemand(rule, list);
  const now = ports.clock.now();
  const located = await locateForRecipient(recipient, applied, ports.lookup, now);
  // The way to a find is told by `cert locate`; the way to none belongs in the log.
  if (located.facts.kind !== 'found') {
    for (const step of located.trace) {
      ports.logger.info('lookup.step', { queueId: job.header.id, ...step });
    }
  }
  const { outbound } = applied;
  const profile = outbound.sign === 'none' ? 'none' : outbound.profile;
  const encrypted = located.facts.kind === 'found';
  const asked = { recipient, rule: applied.rule, now };
  const certificate = await ports.capabilities.addTo(located.facts, asked);
  return decideOutward(
    {
      originator: facts.originator,
      innerSignatures: facts.innerSignatures,
      review: reviewFacts(input, outbound),
      list,
      certificate,
      filter,
      waitedMs: now.getTime() - Date.parse(job.header.createdAt),
      protectedBytes: protectedSizeEstimate(job.content.sizeBytes, {
        profile,
        encrypted,
        headerBytes: input.message.root.headerBytes,
      }),
      nextHopLimitBytes: await ports.nextHopLimit(recipient.domain),
      released: job.state.releasedAt !== null,
      now,
    },
    applied,
  );
}

function reviewFacts(
  { message, facts }: DecideAllInput,
  { review, reviewers }: OutboundPolicy,
): ReviewFacts {
  if (review === 'none') return { kind: 'none' };
  return reviewState(message, facts.layers, { originators: facts.originators, reviewers });
}

/** Mail for our own people goes to the inner MTA as it is; only the filter looks at it. */
function appliedFor(
  recipient: Mailbox,
  active: ActivePolicy,
  ownDomains: ReadonlySet<string>,
): AppliedPartner {
  const applied = outwardRuleFor(active.policy, recipient.domain);
  if (!ownDomains.has(recipient.domain)) return applied;
  return {
    rule: 'own-domain',
    outbound: { ...active.policy.default.outbound, sign: 'none', encrypt: 'none', review: 'none' },
    trust: active.policy.default.trust,
    agreement: undefined,
    domains: [],
  };
}

/** Recipients for whom the decision is the same. */
export interface Group<D> {
  readonly decision: D;
  readonly recipients: readonly ForwardEntry[];
}

export type Held = Extract<OutwardDecision, { kind: 'hold' }>;
type Refused = Extract<OutwardDecision, { kind: 'refuse' }>;
type Waiting = Extract<OutwardDecision, { kind: 'wait' }>;

export interface Groups {
  readonly treatments: readonly Group<Treatment>[];
  readonly held: readonly Group<Held>[];
  readonly refused: readonly Group<Refused>[];
  readonly waiting: readonly Group<Waiting>[];
}

/** One message for each treatment: what differs for two recipients is never in one message. */
export function groupByTreatment(decided: readonly Decided[]): Groups {
  const groups = new Map<string, { decision: OutwardDecision; recipients: ForwardEntry[] }>();
  for (const { recipient, decision } of decided) {
    const key = groupKey(decision);
    const group = groups.get(key) ?? { decision, recipients: [] };
    group.recipients.push(recipient);
    groups.set(key, group);
  }
  const treatments: Group<Treatment>[] = [];
  const held: Group<Held>[] = [];
  const refused: Group<Refused>[] = [];
  const waiting: Group<Waiting>[] = [];
  for (const { decision, recipients } of groups.values()) {
    if (decision.kind === 'hold') held.push({ decision, recipients });
    else if (decision.kind === 'refuse') refused.push({ decision, recipients });
    else if (decision.kind === 'wait') waiting.push({ decision, recipients });
    else treatments.push({ decision, recipients });
  }
  return { treatments, held, refused, waiting };
}

function groupKey(decision: OutwardDecision): string {
  switch (decision.kind) {
    case 'hold':
    case 'refuse':
    case 'wait':
      return `${decision.kind}:${decision.fault}:${decision.rule}`;
    case 'protect':
    case 'sign-only':
    case 'pass':
      return treatmentKey(decision);
    default:
      return never(decision);
  }
}
